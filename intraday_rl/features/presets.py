"""Named lists of market features: the only place where the lists are written down.

A preset's number counts the columns of the observation: `full47` names 41 market features and the environment adds the
6 of the account, which the configuration lists beside it.
"""

from __future__ import annotations

from intraday_rl.features.library import MARKET_FAMILIES, extra, regime_detector

MARKET41 = tuple(spec.name for family in MARKET_FAMILIES for spec in family.specs)
MICRO_MOM27 = tuple(spec.name for family in MARKET_FAMILIES[:2] for spec in family.specs)
EXTENDED = (*MARKET41, *(spec.name for spec in extra.FAMILY.specs))
WITH_REGIMES = (*MARKET41, *regime_detector.REGIMES)
COMPACT = ("rsi14", "ema_gap", "vwap_dev", "bb_pctb", "tod_sin", "tod_cos", "phase", "time_to_close")
WINDOW = ("ret_1", "rsi14", "ema_gap", "vwap_dev", "trade_intensity", "spread_bps", "rv_15")
KNOWN_STATE = ("level_deviation", "time_to_close")

PRESETS: dict[str, tuple[str, ...]] = {
    "full47": MARKET41,
    "market41": MARKET41,
    "micro_mom27": MICRO_MOM27,
    "ext54": EXTENDED,
    "full51_regime": WITH_REGIMES,
    "compact12": COMPACT,
    "window11": WINDOW,
    "known_state": KNOWN_STATE,
}
