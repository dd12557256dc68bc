"""Named lists of features: the only place where the lists are written down.

`full47` names its 41 market features; the environment adds the 6 of the account.
"""

from __future__ import annotations

from intraday_rl.features.library import MARKET_FAMILIES, known_state

MARKET41 = tuple(spec.name for family in MARKET_FAMILIES for spec in family.specs)
MICRO_MOM27 = tuple(spec.name for family in MARKET_FAMILIES[:2] for spec in family.specs)

KNOWN_STATE = tuple(spec.name for spec in known_state.FAMILY.specs)

PRESETS: dict[str, tuple[str, ...]] = {
    "full47": MARKET41,
    "market41": MARKET41,
    "micro_mom27": MICRO_MOM27,
    "known_state": KNOWN_STATE,
}
