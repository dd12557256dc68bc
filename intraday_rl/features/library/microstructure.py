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
from intraday_rl.features.base import OWN, Family, FeatureSpec
from intraday_rl.features.library.edge import EDGE, edge_spread, push_pair
from intraday_rl.features.rolling import (
    LAGS,
    MEDIAN,
    SUM,
    push,
    push_median,
    push_sum,
    ratio,
    recall,
    remember,
    window_dtype,
)

BPS = 1e4
CARRY_BARS = 5  # a standing quote serves for so many bars without a usable one
WIDEST = 5.0  # the modelled spread stays within 1 to 5 times the base spread
FLOW_BARS = 60.0
EACH, EACH_SAMPLE = 1.0 / FLOW_BARS, 1.0 / (FLOW_BARS - 1.0)  # weights of plain means and sample variances
ILLIQUIDITY_BARS = 30.0
TRADE_BARS = 5.0  # age at which a trade is judged
FLOW_AVERAGE = 5
FLOW_WEIGHT = 2.0 / (FLOW_AVERAGE + 1)
ROOT_HALF = math.sqrt(0.5)
BUCKETS = 50.0
LEAST_BUCKETS = 25  # completed buckets from which VPIN is known
NO_VARIANCE = 1e-12  # variances below this part of the mean square are rounding
FLAT = 1e-12  # moves below this part of the price are rounding


class Microstructure(NamedTuple):
    """Spreads, order flow, impact and activity; the base spread is the instrument's, given to the pipeline."""


STATE = np.dtype(
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
        ("spreads", MEDIAN),
        ("moves", window_dtype(60, "change", "change_change", "now", "last", "now_last")),
        ("last_return", np.float64),
        ("returns", np.int64),
        ("flow", window_dtype(60, "change", "signed", "product", "square")),
        ("sizes", MEDIAN),
        ("flow_average", np.float64),
        ("flow_bars", np.int64),
        ("buckets", SUM),
        ("bucket_volume", np.float64),  # of the bucket that fills
        ("bucket_signed", np.float64),
        ("illiquidity", SUM),
        ("closes", LAGS),
        ("vwaps", LAGS),
        ("edge", EDGE),
    ],
    align=True,
)


@njit
def update_microstructure(state: Any, step: Any, row: Any) -> None:
    """Write the 15 microstructure columns of the bar."""
    _quotes(state, step, row)
    push_pair(state.edge, step)
    row.ohlc_spread_bps = BPS * edge_spread(state.edge)
    _moves(state, step, row)
    _order_flow(state, step, row)
    row.vpin = _vpin(state, step, row.signed_vol)
    _trade_spreads(state, step, row)
    count = step.trade_count if state.has_trades else step.volume
    usual = step.usual_trades if state.has_trades else step.usual_volume
    is_plain = state.has_trades and count > 0.0 and usual > 0.0
    row.trade_intensity = math.log(count / usual if is_plain else (1.0 + count) / (1.0 + usual))


@njit
def _quotes(state: Any, step: Any, row: Any) -> None:
    """Write the four columns that a quote can tell: from the standing quote, or their proxies."""
    if step.ask > step.bid and step.bid > 0.0:
        state.bid, state.ask, state.bid_size, state.ask_size = step.bid, step.ask, step.bid_size, step.ask_size
        state.quote_age = 0
    else:  # no quote stands overnight
        state.quote_age = CARRY_BARS + 1 if step.is_first else state.quote_age + 1
    stands = state.quote_age <= CARRY_BARS
    spread, middle = state.ask - state.bid, 0.5 * (state.ask + state.bid)
    if state.has_quotes:
        row.spread_bps = BPS * spread / middle if stands else np.nan
    else:
        widening = max(ratio(step.volume, step.usual_volume), ratio(2.0 * abs(step.change), step.last_atr))
        is_known = not (math.isnan(step.usual_volume) or math.isnan(step.last_atr))
        modelled = state.base_spread * min(WIDEST, max(1.0, widening))
        row.spread_bps = BPS * modelled / step.raw_close if is_known else np.nan
    row.spread_rel = ratio(row.spread_bps, push_median(state.spreads, row.spread_bps, FLOW_BARS)) - 1.0
    if state.has_sizes:
        weight = ratio(state.bid_size - state.ask_size, state.bid_size + state.ask_size)
        row.depth_imb = weight if stands else np.nan
        row.microprice_dev = BPS * 0.5 * weight * spread / middle if stands else np.nan
    else:
        row.depth_imb = ratio(2.0 * step.close - step.high - step.low, step.high - step.low)
        row.microprice_dev = BPS * (step.close - step.vwap) * step.per_close


@njit
def _moves(state: Any, step: Any, row: Any) -> None:
    """Write what the last 60 returns tell: bulk classification, Roll's spread, Amihud's illiquidity."""
    moves, illiquidity = state.moves, state.illiquidity
    if not step.is_first:
        new, now = moves.new, step.log_return
        new.change, new.change_change = step.change, step.change * step.change
        new.now, new.last, new.now_last = now, state.last_return, now * state.last_return
        push(moves)
        state.last_return = now
        state.returns += 1
        if step.volume > 0.0:
            push_sum(illiquidity, abs(now) / (step.raw_close * step.volume), ILLIQUIDITY_BARS)
    sums = moves.sums
    deviation = math.sqrt(max(0.0, sums.change_change - sums.change * sums.change * EACH) * EACH_SAMPLE)
    is_balanced = step.volume == 0.0 or deviation < FLAT * step.close
    imbalance = 0.0 if is_balanced else math.erf(step.change / deviation * ROOT_HALF)
    row.signed_vol = imbalance if moves.count == FLOW_BARS else np.nan
    covariance = (sums.now_last - sums.now * sums.last * EACH) * EACH_SAMPLE
    row.roll_bps = 2.0 * BPS * math.sqrt(max(0.0, -covariance)) if state.returns > FLOW_BARS else np.nan
    mean = max(0.0, illiquidity.total) * (1.0 / ILLIQUIDITY_BARS)
    row.amihud = math.log1p(1e9 * mean) if illiquidity.count == ILLIQUIDITY_BARS else np.nan


@njit
def _order_flow(state: Any, step: Any, row: Any) -> None:
    """Write what the signed volume tells: its average, and Kyle's slope of changes on it."""
    flow, imbalance = state.flow, row.signed_vol
    row.ofi = row.kyle_lambda = np.nan
    if math.isnan(imbalance):
        return
    state.flow_average += (imbalance - state.flow_average) * (FLOW_WEIGHT if state.flow_bars > 0 else 1.0)
    state.flow_bars += 1
    if state.flow_bars >= FLOW_AVERAGE:
        row.ofi = state.flow_average
    signed, size = imbalance * step.volume, np.nan
    if not step.is_first:
        flow.new.change, flow.new.signed = step.change, signed
        flow.new.product, flow.new.square = step.change * signed, signed * signed
        push(flow)
        size = abs(signed)
    typical_size = push_median(state.sizes, size, FLOW_BARS)
    if flow.count == FLOW_BARS:
        sums = flow.sums
        variance = sums.square - sums.signed * sums.signed * EACH
        covariance = sums.product - sums.change * sums.signed * EACH
        slope = covariance / variance if variance > NO_VARIANCE * sums.square else 0.0
        row.kyle_lambda = BPS * slope * typical_size * step.per_close


@njit
def _vpin(state: Any, step: Any, imbalance: float) -> float:
    """Fill buckets of equal volume, the bar split pro rata, and return the mean imbalance of the last 50."""
    size, left, buckets = step.bucket_volume, step.volume, state.buckets
    if size > 0.0 and left > 0.0 and not math.isnan(imbalance):
        if left > 2.0 * BUCKETS * size:  # it would push out most of its own buckets again
            left -= size * (math.floor(left / size) - BUCKETS - 1.0)
        while state.bucket_volume + left >= size:
            part = max(0.0, size - state.bucket_volume)
            volume = state.bucket_volume + part
            push_sum(buckets, min(1.0, abs(state.bucket_signed + part * imbalance) / volume), BUCKETS)
            state.bucket_volume = state.bucket_signed = 0.0
            left -= part
        state.bucket_volume += left
        state.bucket_signed += left * imbalance
    is_known = step.earlier_sessions > 0 and buckets.count >= LEAST_BUCKETS
    return max(0.0, min(1.0, buckets.total / buckets.count)) if is_known else np.nan


@njit
def _trade_spreads(state: Any, step: Any, row: Any) -> None:
    """Write the effective spread of this bar's trades, and what became of those of 5 bars ago."""
    close, vwap = recall(state.closes, TRADE_BARS), recall(state.vwaps, TRADE_BARS)
    gap = vwap - close
    side = 0.0 if abs(gap) < FLAT * close else math.copysign(2.0 * BPS, gap) / close
    row.eff_spread_bps = 2.0 * BPS * abs(step.close - step.vwap) * step.per_close
    row.realised_spread5 = side * (vwap - step.close)
    row.adverse_sel5 = side * (step.close - close)
    remember(state.closes, step.close)
    remember(state.vwaps, step.vwap)


def _spec(name: str, unit: str, formula: str, warm_up: str, source: str = OWN) -> FeatureSpec:
    return FeatureSpec(name, unit, formula, warm_up, source)


FAMILY = Family(
    Microstructure,
    (
        _spec(
            "spread_bps", "bps", "q: (a - b)/m, an unusable quote is replaced by the last one for 5 bars, then NaN; "
            "p: base spread * clip(max(V/usual V, 2 abs(change)/ATR before the bar), 1, 5)/c, where a usual V or an "
            "ATR of 0 does not widen", "q: none; p: 1 session",
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
            "vpin", "1 (0 to 1)", "mean of abs(bought - sold)/V over the last 50 buckets of equal volume, 25 at least; "
            "bucket volume = mean session volume of the 20 sessions before / 50", "1 session",
            "Easley, Lopez de Prado and O'Hara (2012)",
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
