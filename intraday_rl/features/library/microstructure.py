"""Microstructure: 15 features of spread, order flow, price impact and trading activity.

Conventions: columns marked "q" read the quote at the bar's end where the record has quotes, else the proxy marked "p";
all other columns read bars alone. vwap is the typical price where the record has none. Spreads in basis points of the
price. Order flow is bulk classification: of the volume V the part F(z) was bought, z = change/sigma, F the normal
distribution; a bar without volume, and the first bar of a session, are balanced.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import Family, FeatureSpec, update
from intraday_rl.features.library.edge import EDGE, edge_spread, push_pair
from intraday_rl.features.rolling import (
    exponential,
    is_full,
    lags_dtype,
    median,
    median_dtype,
    push,
    push_median,
    ratio,
    recall,
    remember,
    reseed,
    state_dtype,
    window_dtype,
)

BPS = 1e4
CARRY_BARS = 5  # a standing quote serves for so many bars without a usable one
WIDEST = 5.0  # the modelled spread stays within 1 to 5 times the base spread
FLOW_BARS = 60
ILLIQUIDITY_BARS = 30
TRADE_BARS = 5  # age at which a trade is judged
FLOW_AVERAGE = 5
BUCKETS = 50
LEAST_BUCKETS = 25  # completed buckets from which VPIN is known
NO_VARIANCE = 1e-12  # variances below this part of the mean square are rounding
FLAT = 1e-12  # standard deviations below this part of the price are rounding


class Microstructure(NamedTuple):
    """Spreads, order flow, impact and activity; the base spread is the instrument's, given to the pipeline."""


STATE = state_dtype(
    Microstructure,
    [
        ("base_spread", np.float64),  # price units, set by the pipeline
        ("has_quotes", np.int64),  # set by the pipeline
        ("has_sizes", np.int64),
        ("has_trades", np.int64),
        ("bid", np.float64),  # the standing quote
        ("ask", np.float64),
        ("bid_size", np.float64),
        ("ask_size", np.float64),
        ("quote_age", np.int64),  # bars since the quote was usable
        ("spreads", median_dtype(FLOW_BARS)),
        ("changes", window_dtype(FLOW_BARS, "change", "square")),
        ("flow", window_dtype(FLOW_BARS, "change", "signed", "product", "square")),
        ("sizes", median_dtype(FLOW_BARS)),
        ("flow_average", np.float64),
        ("flow_bars", np.int64),
        ("buckets", window_dtype(BUCKETS, "imbalance")),
        ("bucket_volume", np.float64),  # of the bucket that fills
        ("bucket_signed", np.float64),
        ("illiquidity", window_dtype(ILLIQUIDITY_BARS, "value")),
        ("returns", window_dtype(FLOW_BARS, "now", "last", "product")),
        ("last_return", np.float64),
        ("has_return", np.int64),
        ("closes", lags_dtype(TRADE_BARS)),
        ("vwaps", lags_dtype(TRADE_BARS)),
        ("edge", EDGE),
    ],
)


@update.model.implement(Microstructure)  # type: ignore[attr-defined]
def update_microstructure(state: Any, step: Any, row: Any) -> None:
    """Write the 15 microstructure columns of the bar."""
    if step.is_first:
        _reseed(state)
    _quotes(state, step, row)
    imbalance = _imbalance(state, step)
    _order_flow(state, step, row, imbalance)
    row.vpin = _vpin(state, step, imbalance)
    row.kyle_lambda = _kyle(state, step, imbalance)
    row.amihud = _amihud(state, step)
    row.roll_bps = _roll(state, step)
    push_pair(state.edge, step)
    row.ohlc_spread_bps = BPS * edge_spread(state.edge)
    _trade_spreads(state, step, row)
    row.trade_intensity = _intensity(state, step)


@njit
def _reseed(state: Any) -> None:
    reseed(state.changes)
    reseed(state.flow)
    reseed(state.buckets)
    reseed(state.illiquidity)
    reseed(state.returns)
    reseed(state.edge.pairs)
    state.quote_age = CARRY_BARS + 1  # no quote stands overnight


@njit
def _quotes(state: Any, step: Any, row: Any) -> None:
    if step.ask > step.bid and step.bid > 0.0:
        state.bid, state.ask, state.bid_size, state.ask_size = step.bid, step.ask, step.bid_size, step.ask_size
        state.quote_age = 0
    else:
        state.quote_age += 1
    stands = state.quote_age <= CARRY_BARS
    middle = 0.5 * (state.bid + state.ask)
    if state.has_quotes:
        row.spread_bps = BPS * (state.ask - state.bid) / middle if stands else np.nan
    else:
        row.spread_bps = BPS * _modelled_spread(state, step) / step.raw_close
    push_median(state.spreads, row.spread_bps)
    row.spread_rel = ratio(row.spread_bps, median(state.spreads)) - 1.0
    if state.has_sizes:
        depth = state.bid_size + state.ask_size
        weight = ratio(state.bid_size - state.ask_size, depth)
        row.depth_imb = weight if stands else np.nan
        row.microprice_dev = BPS * 0.5 * weight * (state.ask - state.bid) / middle if stands else np.nan
    else:
        row.depth_imb = ratio(2.0 * step.close - step.high - step.low, step.high - step.low)
        row.microprice_dev = BPS * (step.close - step.vwap) / step.close


@njit
def _modelled_spread(state: Any, step: Any) -> float:
    """Return the base spread, widened by unusual volume or a large move of the closed bar (price units)."""
    volume = ratio(step.volume, step.usual_volume)
    move = ratio(2.0 * abs(step.change), step.last_atr)
    if np.isnan(volume) or np.isnan(move):
        return np.nan
    return float(state.base_spread) * min(WIDEST, max(1.0, volume, move))


@njit
def _imbalance(state: Any, step: Any) -> float:
    """Return (bought - sold)/volume by bulk classification, 2 F(z) - 1 = erf(z/sqrt 2); NaN in warm-up."""
    if not step.is_first:
        state.changes.new.change = step.change
        state.changes.new.square = step.change * step.change
        push(state.changes)
    if not is_full(state.changes):
        return np.nan
    sums = state.changes.sums
    variance = (sums.square - sums.change * sums.change / FLOW_BARS) / (FLOW_BARS - 1)
    deviation = math.sqrt(max(0.0, variance))
    if step.volume == 0.0 or deviation < FLAT * step.close:
        return 0.0
    return math.erf(step.change / deviation / math.sqrt(2.0))


@njit
def _order_flow(state: Any, step: Any, row: Any, imbalance: float) -> None:
    row.signed_vol = imbalance
    if not np.isnan(imbalance):
        state.flow_average = exponential(state.flow_average, imbalance, FLOW_AVERAGE, state.flow_bars == 0)
        state.flow_bars += 1
    row.ofi = state.flow_average if state.flow_bars >= FLOW_AVERAGE else np.nan


@njit
def _vpin(state: Any, step: Any, imbalance: float) -> float:
    """Fill buckets of equal volume, the bar split pro rata, and return the mean imbalance of the last 50."""
    size = step.bucket_volume
    if size > 0.0 and step.volume > 0.0 and not np.isnan(imbalance):
        left = step.volume
        surplus = math.floor(left / size) - BUCKETS - 1.0  # buckets of this bar alone that it would push out again
        left -= size * max(0.0, surplus)
        while state.bucket_volume + left >= size:
            part = max(0.0, size - state.bucket_volume)
            signed, volume = state.bucket_signed + part * imbalance, state.bucket_volume + part
            state.buckets.new.imbalance = min(1.0, abs(signed) / volume)
            push(state.buckets)
            state.bucket_volume, state.bucket_signed = 0.0, 0.0
            left -= part
        state.bucket_volume += left
        state.bucket_signed += left * imbalance
    if step.earlier_sessions == 0 or state.buckets.count < LEAST_BUCKETS:
        return np.nan
    return max(0.0, min(1.0, state.buckets.sums.imbalance / state.buckets.count))


@njit
def _kyle(state: Any, step: Any, imbalance: float) -> float:
    """Return the slope of changes on signed volume, as bps of price per median absolute signed volume."""
    if not (step.is_first or np.isnan(imbalance)):
        signed = imbalance * step.volume
        new = state.flow.new
        new.change, new.signed, new.product, new.square = step.change, signed, step.change * signed, signed * signed
        push(state.flow)
        push_median(state.sizes, abs(signed))
    if not is_full(state.flow):
        return np.nan
    sums = state.flow.sums
    variance = sums.square - sums.signed * sums.signed / FLOW_BARS
    if variance <= NO_VARIANCE * sums.square:
        return 0.0
    slope = (sums.product - sums.change * sums.signed / FLOW_BARS) / variance
    return float(BPS * slope * median(state.sizes) / step.close)


@njit
def _amihud(state: Any, step: Any) -> float:
    if step.volume > 0.0 and not step.is_first:
        state.illiquidity.new.value = abs(step.log_return) / (step.raw_close * step.volume)
        push(state.illiquidity)
    if not is_full(state.illiquidity):
        return np.nan
    return math.log1p(1e9 * max(0.0, state.illiquidity.sums.value) / ILLIQUIDITY_BARS)


@njit
def _roll(state: Any, step: Any) -> float:
    if not step.is_first:
        if state.has_return:
            new = state.returns.new
            new.now, new.last, new.product = step.log_return, state.last_return, step.log_return * state.last_return
            push(state.returns)
        state.last_return, state.has_return = step.log_return, 1
    if not is_full(state.returns):
        return np.nan
    sums = state.returns.sums
    covariance = (sums.product - sums.now * sums.last / FLOW_BARS) / (FLOW_BARS - 1)
    return 2.0 * BPS * math.sqrt(max(0.0, -covariance))


@njit
def _trade_spreads(state: Any, step: Any, row: Any) -> None:
    """Write the effective spread of this bar's trades, and what became of those of 5 bars ago."""
    close, vwap = recall(state.closes, TRADE_BARS), recall(state.vwaps, TRADE_BARS)
    side = np.sign(vwap - close)
    row.eff_spread_bps = 2.0 * BPS * abs(step.close - step.vwap) / step.close
    row.realised_spread5 = 2.0 * BPS * side * (vwap - step.close) / close
    row.adverse_sel5 = 2.0 * BPS * side * (step.close - close) / close
    remember(state.closes, step.close)
    remember(state.vwaps, step.vwap)


@njit
def _intensity(state: Any, step: Any) -> float:
    """Return ln(n/median n) of trades; ln((1 + n)/(1 + median n)) where either is 0, and of volumes always."""
    count = step.trade_count if state.has_trades else step.volume
    usual = step.usual_trades if state.has_trades else step.usual_volume
    if state.has_trades and count > 0.0 and usual > 0.0:
        return math.log(count / usual)
    return math.log((1.0 + count) / (1.0 + usual))


def _spec(name: str, unit: str, formula: str, warm_up: str, source: str = "C1") -> FeatureSpec:
    return FeatureSpec(name, unit, formula, warm_up, source)


FAMILY = Family(
    Microstructure,
    (
        _spec(
            "spread_bps", "bps", "q: (a - b)/m, an unusable quote is replaced by the last one for 5 bars, then NaN; p: "
            "base spread * clip(max(1, V/usual V, 2 abs(change)/ATR before the bar), 1, 5)/c", "q: none; p: 1 session",
        ),
        _spec("spread_rel", "1", "spread_bps/median - 1, median of up to 60 bars", "as spread_bps"),
        _spec("depth_imb", "1 (-1 to 1)", "q: (B - A)/(B + A); p: (2c - h - l)/(h - l), 0 where h = l", "none"),
        _spec(
            "microprice_dev", "bps", "q: (micro - m)/m, micro = (aB + bA)/(A + B); p: (c - vwap)/c", "none",
            "Stoikov (2018)",
        ),
        _spec("ofi", "1 (-1 to 1)", "p: EMA5 of signed_vol", "65 bars", "Cont, Kukanov and Stoikov (2014)"),
        _spec(
            "signed_vol", "1 (-1 to 1)", "(bought - sold)/V = 2 F(change/sd60) - 1, sample sd; 0 where V = 0",
            "60 returns", "Easley, Lopez de Prado and O'Hara (2012)",
        ),
        _spec(
            "vpin", "1 (0 to 1)", "mean of abs(bought - sold)/V over the last 50 buckets (25 at least), bucket volume = "
            "mean session volume of the 20 sessions before / 50", "1 session", "Easley, Lopez de Prado and O'Hara (2012)",
        ),
        _spec(
            "kyle_lambda", "bps", "slope of change on signed volume, 60 bars, * median abs(signed volume)/c; 0 where "
            "signed volume does not vary", "120 returns", "Kyle (1985)",
        ),
        _spec(
            "amihud", "1", "ln(1 + 1e9 mean(abs(r)/(c V))), last 30 bars with volume", "30 bars with volume",
            "Amihud (2002)",
        ),
        _spec(
            "roll_bps", "bps", "2 sqrt(max(0, -Cov(r_t, r_(t-1)))), 60 pairs, sample covariance", "61 returns",
            "Roll (1984)",
        ),
        _spec(
            "ohlc_spread_bps", "bps", "EDGE of 60 bars, root of the size of the squared spread; 0 where nothing moved",
            "60 bars", "Ardia, Guidotti and Kroencke (2024)",
        ),
        _spec("eff_spread_bps", "bps", "p: 2 abs(c - vwap)/c", "none", "Lee and Ready (1991)"),
        _spec(
            "realised_spread5", "bps", "p: 2 d(vwap - c_t)/c of the bar 5 bars ago, d = sign(vwap - c) of that bar",
            "6 bars", "Huang and Stoll (1996)",
        ),
        _spec(
            "adverse_sel5", "bps", "p: 2 d(c_t - c)/c of the bar 5 bars ago, d = sign(vwap - c) of that bar", "6 bars",
            "Huang and Stoll (1996)",
        ),
        _spec(
            "trade_intensity", "1", "ln(n/median n of this minute); where either is 0, and of volumes where trades are "
            "not counted: ln((1 + n)/(1 + median n))", "1 session",
        ),
    ),
    STATE,
)  # fmt: skip
