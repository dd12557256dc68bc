"""What each feature is computed from: which columns of a record are there, and what stands in for absent ones.

Conventions: a record has a column or it has not; what is absent in single rows is a gap, not another source. A model
trained on one source refuses data of another.
"""

from __future__ import annotations

from intraday_rl.core.errors import FeatureError
from intraday_rl.data.bars import Bars
from intraday_rl.features.references import References

QUOTE_FEATURES = ("spread_bps", "spread_rel")
SIZE_FEATURES = ("depth_imb", "microprice_dev", "depth_ratio")
TRADE_FEATURES = ("eff_spread_bps", "realised_spread5", "adverse_sel5")
VWAP_FEATURES = ("microprice_dev", *TRADE_FEATURES, "vwap_dev")
SMT_FEATURES = ("smt", "smt_z")
VIX_FEATURES = ("vix_close", "vix_change")
VIX_MINUTE_FEATURES = ("vix_intraday",)
TICKS, QUOTES, BARS, PROXY, TYPICAL_PRICE = "ticks", "quotes", "bars", "proxy", "proxy_typical_price"


def has_quotes(bars: Bars) -> bool:
    """Say whether the record has quotes."""
    return bars.has("bid") and bars.has("ask")


def has_sizes(bars: Bars) -> bool:
    """Say whether the record has quotes with sizes."""
    return has_quotes(bars) and bars.has("bid_size") and bars.has("ask_size")


def has_order_flow(bars: Bars) -> bool:
    """Say whether the record has the sum of all changes of the quote."""
    return has_sizes(bars) and bars.has("order_flow")


def has_sides(bars: Bars) -> bool:
    """Say whether the record has what was measured on trades of known side."""
    needed = ("buy_volume", "sell_volume", "effective_spread_bps", "side_per_mid")
    return has_quotes(bars) and all(bars.has(name) for name in needed)


def source_of(name: str, bars: Bars, references: References) -> str:
    """Return what the feature is computed from, see `FeaturePipeline.sources`.

    Raises:
        FeatureError: the feature reads references that are not there.
    """
    if name in (*SMT_FEATURES, *VIX_FEATURES, *VIX_MINUTE_FEATURES):
        return _source_of_reference(name, references)
    if name in QUOTE_FEATURES:
        return QUOTES if has_quotes(bars) else PROXY
    if name == "ofi":
        return TICKS if has_order_flow(bars) else QUOTES if has_sizes(bars) else PROXY
    if name in SIZE_FEATURES and has_sizes(bars):
        return QUOTES
    if name in TRADE_FEATURES and has_sides(bars):
        return TICKS
    if name in VWAP_FEATURES and not bars.has("vwap"):
        return TYPICAL_PRICE
    if name in SIZE_FEATURES + TRADE_FEATURES or (name == "trade_intensity" and not bars.has("trade_count")):
        return PROXY
    return BARS


def _source_of_reference(name: str, references: References) -> str:
    if name in SMT_FEATURES and references.leader is not None and references.follower is not None:
        return f"{references.leader.symbol} against {references.follower.symbol}"
    if name in VIX_FEATURES and references.vix_daily is not None:
        return "daily closes"
    if name in VIX_MINUTE_FEATURES and references.vix_daily is not None and references.vix_minutes is not None:
        return "minutes and daily closes"
    switch = "features.smt.enabled" if name in SMT_FEATURES else "features.vix.enabled"
    raise FeatureError(f"feature {name!r} needs bars of other symbols, none were given; set {switch} and its paths")
