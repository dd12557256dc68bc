"""Named lists of market features: the only place where the lists are written down.

The number in a preset's name counts the account's features too, which conf/features/ names for each.
"""

from __future__ import annotations

from intraday_rl.features.library import MARKET_FAMILIES, known_state

MARKET41 = tuple(spec.name for family in MARKET_FAMILIES for spec in family.specs)
MICRO_MOM27 = tuple(spec.name for family in MARKET_FAMILIES[:2] for spec in family.specs)
WINDOW11 = ("ret_1", "rsi14", "ema_gap", "vwap_dev", "trade_intensity", "spread_bps", "rv_15")

KNOWN_STATE = tuple(spec.name for spec in known_state.FAMILY.specs)

PRESETS: dict[str, tuple[str, ...]] = {
    "full47": MARKET41,
    "market41": MARKET41,
    "micro_mom27": MICRO_MOM27,
    "window11": WINDOW11,
    "known_state": KNOWN_STATE,
}
