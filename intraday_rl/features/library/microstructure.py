"""Microstructure: 15 features of spread, order flow, price impact and trading activity.

Conventions: columns marked "q" read the quote at the bar's end where the record has quotes, those marked "t" what was
measured on ticks where the record has it; else the proxy marked "p" stands in. All other columns read bars alone. vwap
is the typical price where the record has none. Spreads in basis points of the price. Signed volume is bulk
classification: of the volume V the part F(z) was bought, z = change/sigma, F the normal distribution or Student's t; a
bar without volume, and the first bar of a session, are balanced.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core import checks
from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, Family, FeatureSpec
from intraday_rl.features.library.estimators.edge import EDGE, edge_spread, push_pair
from intraday_rl.features.library.estimators.high_low import HIGH_LOW, high_low_spread
from intraday_rl.features.library.estimators.student import student_surplus
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
DEPTH_BARS = 30.0
FLOW_AVERAGE = 5
FLOW_WEIGHT = 2.0 / (FLOW_AVERAGE + 1)
ROOT_HALF = math.sqrt(0.5)
BUCKETS = 50.0
FULL = 1.0 - 1e-9  # of its size: what a bucket that ends with a bar lacks is rounding
LEAST_BUCKETS = 25  # completed buckets from which VPIN is known
NO_VARIANCE = 1e-12  # variances below this part of the mean square are rounding
FLAT = 1e-12  # moves below this part of the price are rounding


class Microstructure(NamedTuple):
    """Spreads, order flow, impact and activity; the base spread is the instrument's, given to the pipeline."""

    degrees_of_freedom: float  # of Student's t in bulk classification; 0 = the normal distribution
    corwin_schultz: bool  # ohlc_spread_bps is the estimator of Corwin and Schultz instead of EDGE

    def check(self) -> None:
        """Refuse negative degrees of freedom."""
        checks.non_negative("Microstructure", "degrees_of_freedom", self.degrees_of_freedom, "0 = normal distribution")


STATE = np.dtype(
    [
        ("degrees_of_freedom", np.float64),
        ("corwin_schultz", np.int64),
        ("base_spread", np.float64),  # price units, set by the pipeline
        ("has_quotes", np.int64),  # set by the pipeline
        ("has_sizes", np.int64),
        ("has_trades", np.int64),
        ("has_order_flow", np.int64),
        ("has_sides", np.int64),
        ("bid", np.float64),  # the standing quote
        ("ask", np.float64),
        ("bid_size", np.float64),
        ("ask_size", np.float64),
        ("quote_age", np.int64),  # bars since the quote was usable
        ("quote_flow", np.float64),  # what the last change of the closing quote tells of the order flow
        ("depths", SUM),
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
        ("effective", LAGS),  # of measured trades: spread, share of sides, mean of side/mid
        ("shares", LAGS),
        ("sides_per_mid", LAGS),
        ("edge", EDGE),
        ("high_low", HIGH_LOW),
    ],
    align=True,
)


@njit
def update_microstructure(state: Any, step: Any, row: Any) -> None:
    """Write the 15 microstructure columns of the bar."""
    _quotes(state, step, row)
    if state.corwin_schultz:
        row.ohlc_spread_bps = BPS * high_low_spread(state.high_low, step)
    else:
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
    state.quote_flow = 0.0
    if step.ask > step.bid and step.bid > 0.0:
        if not step.is_first and state.quote_age <= CARRY_BARS:
            state.quote_flow = _quote_flow(state, step)
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
    imbalance = 0.0 if is_balanced else _surplus(step.change / deviation, state.degrees_of_freedom)
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
    if state.has_sizes:
        row.ofi = _quoted_flow(state, step)
    if math.isnan(imbalance):
        return
    if not state.has_sizes:
        state.flow_average += (imbalance - state.flow_average) * (FLOW_WEIGHT if state.flow_bars > 0 else 1.0)
        state.flow_bars += 1
        row.ofi = state.flow_average if state.flow_bars >= FLOW_AVERAGE else np.nan
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
def _surplus(z: float, degrees_of_freedom: float) -> float:
    """Return 2 F(z) - 1, what was bought less what was sold as a part of the volume."""
    if degrees_of_freedom == 0.0:
        return math.erf(z * ROOT_HALF)
    return student_surplus(z, degrees_of_freedom)


@njit
def _quote_flow(state: Any, step: Any) -> float:
    """Return e_n of the change from the standing quote to this bar's."""
    flow = 0.0
    if step.bid >= state.bid:
        flow += step.bid_size
    if step.bid <= state.bid:
        flow -= state.bid_size
    if step.ask <= state.ask:
        flow -= step.ask_size
    if step.ask >= state.ask:
        flow += state.ask_size
    return flow


@njit
def _quoted_flow(state: Any, step: Any) -> float:
    """Return the order flow of the bar over the mean depth of the last 30 bars with a standing quote."""
    if state.quote_age > CARRY_BARS:
        return np.nan
    total = push_sum(state.depths, 0.5 * (state.bid_size + state.ask_size), DEPTH_BARS)
    order_flow = step.order_flow if state.has_order_flow else state.quote_flow
    return ratio(order_flow, total * (1.0 / DEPTH_BARS)) if state.depths.count == DEPTH_BARS else np.nan


@njit
def _vpin(state: Any, step: Any, imbalance: float) -> float:
    """Fill buckets of equal volume, the bar split pro rata, and return the mean imbalance of the last 50."""
    size, left, buckets = step.bucket_volume, step.volume, state.buckets
    if size > 0.0 and left > 0.0 and not math.isnan(imbalance):
        if left > 2.0 * BUCKETS * size:  # it would push out most of its own buckets again
            left -= size * (math.floor(left / size) - BUCKETS - 1.0)
        while state.bucket_volume + left >= FULL * size:
            part = min(left, max(0.0, size - state.bucket_volume))
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
    if state.has_sides:
        _measured_spreads(state, step, row)
        return
    close, vwap = recall(state.closes, TRADE_BARS), recall(state.vwaps, TRADE_BARS)
    gap = vwap - close
    side = 0.0 if abs(gap) < FLAT * close else math.copysign(2.0 * BPS, gap) / close
    row.eff_spread_bps = 2.0 * BPS * abs(step.close - step.vwap) * step.per_close
    row.realised_spread5 = side * (vwap - step.close)
    row.adverse_sel5 = side * (step.close - close)
    remember(state.closes, step.close)
    remember(state.vwaps, step.vwap)


@njit
def _measured_spreads(state: Any, step: Any, row: Any) -> None:
    """Write the three columns from trades whose side and mid were measured; the mid of now judges those of before.

    For trades with weights w: effective = 2 sum w d (p - m)/m, and with the mid M of 5 bars later what the price moved
    against the trader is 2 sum w d (M - m)/m = 2 (M sum w d/m - sum w d).
    """
    row.eff_spread_bps = step.effective_spread_bps
    effective, share = recall(state.effective, TRADE_BARS), recall(state.shares, TRADE_BARS)
    middle = 0.5 * (state.ask + state.bid) * step.scale if state.quote_age <= CARRY_BARS else np.nan
    moved = 2.0 * BPS * (middle * recall(state.sides_per_mid, TRADE_BARS) - share)
    row.adverse_sel5, row.realised_spread5 = moved, effective - moved
    remember(state.effective, step.effective_spread_bps)
    remember(state.shares, step.side_share)
    remember(state.sides_per_mid, step.side_per_mid)


def _spec(name: str, unit: str, formula: str, warm_up: str, source: str = OWN, *, needs: str = NOTHING) -> FeatureSpec:
    return FeatureSpec(name, unit, formula, warm_up, needs, source)


QUOTES, SIZES = "bid and ask, else the proxy", "bid, ask and their sizes, else the proxy"
VWAP = "vwap, else the typical price"
TICKS = (
    "buy_volume, sell_volume, effective_spread_bps, side_per_mid, bid and ask, else the proxy from the vwap, else from "
)
TICKS += "the typical price"

FAMILY = Family(
    Microstructure,
    (
        _spec(
            "spread_bps", "bps", "q: (a - b)/m, an unusable quote is replaced by the last one for 5 bars, then NaN; "
            "p: base spread * clip(max(V/usual V, 2 abs(change)/ATR before the bar), 1, 5)/c, where a usual V or an "
            "ATR of 0 does not widen", "q: none; p: 1 session", needs=QUOTES,
        ),
        _spec(
            "spread_rel", "1", "spread_bps/median - 1, median of up to 60 bars", "as spread_bps", needs=QUOTES,
        ),
        _spec(
            "depth_imb", "1 (-1 to 1)", "q: (B - A)/(B + A); p: (2c - h - l)/(h - l), 0 where h = l", "none",
            needs=SIZES,
        ),
        _spec(
            "microprice_dev", "bps", "q: (micro - m)/m, micro = (aB + bA)/(A + B); p: (c - vwap)/c", "none",
            "Stoikov (2018)", needs=f"{SIZES} from the {VWAP}",
        ),
        _spec(
            "ofi", "depths (p: 1, -1 to 1)", "sum(e_n)/mean depth, e_n = 1[b >= b']B - 1[b <= b']B' - 1[a <= a']A + "
            "1[a >= a']A' for a change of the best quote from ' on, depth = (A + B)/2 over 30 bars; t: all changes in "
            "the minute; q: the change from closing quote to closing quote, 0 on a session's first bar; p: EMA5 of "
            "signed_vol", "t, q: 30 bars; p: 65 bars", "Cont, Kukanov and Stoikov (2014)",
            needs=f"order_flow, else its part in the closing quotes; {SIZES}",
        ),
        _spec(
            "signed_vol", "1 (-1 to 1)", "(bought - sold)/V = 2 F(change/sd60) - 1, sample sd; 0 where V = 0; F is the "
            "normal distribution, or Student's t with degrees_of_freedom", "60 returns",
            "Easley, Lopez de Prado and O'Hara (2012, 2016)",
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
            "ohlc_spread_bps", "bps", "EDGE of 60 bars, root of the size of the squared spread; 0 where nothing moved; "
            "with corwin_schultz: mean of 2(e^a - 1)/(1 + e^a) over 59 pairs of bars, gaps removed, negative: 0",
            "60 bars", "Ardia, Guidotti and Kroencke (2024); Corwin and Schultz (2012)",
        ),
        _spec(
            "eff_spread_bps", "bps", "t: 2 mean(d (p - m)/m) of the minute's trades, weighted by size, d by Lee and "
            "Ready; p: 2 abs(c - vwap)/c", "none", "Lee and Ready (1991)", needs=TICKS,
        ),
        _spec(
            "realised_spread5", "bps", "t: 2 mean(d (p - m_t)/m) of the trades 5 bars ago, judged by the mid m_t of "
            "now; p: 2 d(vwap - c_t)/c of the bar 5 bars ago, d = sign(vwap - c) of that bar", "6 bars",
            "Huang and Stoll (1996)", needs=TICKS,
        ),
        _spec(
            "adverse_sel5", "bps", "t: 2 mean(d (m_t - m)/m) of the trades 5 bars ago; p: 2 d(c_t - c)/c of the bar 5 "
            "bars ago, d = sign(vwap - c) of that bar", "6 bars", "Huang and Stoll (1996)", needs=TICKS,
        ),
        _spec(
            "trade_intensity", "1", "ln(n/median n of this minute); where either is 0, and of volumes where trades are "
            "not counted: ln((1 + n)/(1 + median n))", "1 session", needs="trade_count, else volumes",
        ),
    ),
    STATE,
)  # fmt: skip
