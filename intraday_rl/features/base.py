"""The contract of the feature engine: what a family is, what it is given for each bar, and what comes out.

Conventions: one bar is one `Step`; a family is a record of memory and one update that writes the family's columns into
a row. A family sees this bar and earlier ones, and what was fitted on earlier sessions. Shapes: T rows, F features.
Prices of a step are *gap-removed*: raw prices times a scale that is set anew at the first bar of each session, such
that this bar's close equals the last close of the session before. Ratios of prices do not see the scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FeatureArray = npt.NDArray[np.float32]  # (T, F)
ValidArray = npt.NDArray[np.bool_]  # (T,)

OWN = "own definition"  # source of a feature that no paper defines in this form
NOTHING = "nothing else"


class FeatureSpec(NamedTuple):
    """What a feature is, for people and for generated pages."""

    name: str
    unit: str
    formula: str
    warm_up: str
    needs: str  # columns of the bars beside open, high, low, close and volume, and what stands in for them; or NOTHING
    source: str  # author and year of the definition, or OWN


class Family(NamedTuple):
    """One family of features.

    Its update is a compiled function of (state, step, row): it lets the family's memory `state` take in one bar, a
    `Step`, and writes the family's columns into `row`, a record with a field for each feature.
    """

    params: type  # parameter struct; its fields are fields of the state too
    specs: tuple[FeatureSpec, ...]
    state: np.dtype[np.void] | None  # memory, all zeros before the first bar; None = it remembers nothing


class Step(NamedTuple):
    """One bar and what is known with it at the bar's end; a record in compiled code.

    Prices are gap-removed but for raw_close, quotes and logarithms. What is absent is NaN.
    """

    is_first: bool  # first bar of its session: its return and change are 0
    earlier_bars: int  # bars of the record before this one
    minute: int  # 0-based minute of the session at the bar's start
    session_minutes: int  # minutes from open to close
    high: float
    low: float
    close: float
    per_close: float  # 1/close
    vwap: float  # typical price (high + low + close)/3 where the bar has none
    raw_close: float  # price units
    volume: float
    trade_count: float
    bid: float  # price units
    ask: float
    bid_size: float
    ask_size: float
    order_flow: float  # sum of the changes of the best quote, shares or contracts
    effective_spread_bps: float
    side_share: float  # (bought - sold)/(bought + sold) of the trades whose side is known
    side_per_mid: float  # mean of side/mid of these trades, 1/gap-removed price
    scale: float  # gap-removed price / raw price
    change: float  # close - last close
    log_return: float  # ln(close / last close)
    log_open: float
    log_high: float
    log_low: float
    log_close: float
    atr: float  # Wilder's average of the true range over 14 bars, NaN in warm-up
    per_atr: float  # 1/ATR; 0 where the ATR is 0, NaN in warm-up
    last_atr: float  # the ATR before this bar
    mean_move_20: float  # mean of the last 20 closes - close, NaN in warm-up
    variance_20: float  # population variance of the last 20 closes
    tilt_20: float  # sum of the last 20 closes, each times its distance in bars from their middle
    deviation_60: float  # root mean square of the last 60 returns, NaN in warm-up
    deviation_so_far: float  # the same of up to 60 returns, NaN before the first
    usual_volume: float  # median of this minute over earlier sessions, NaN when there is none
    usual_trades: float
    usual_move: float  # root mean square return of this minute relative to the day's, NaN when there is none
    earlier_sessions: int  # sessions that the fits could see; 0 in the first session
    bucket_volume: float  # volume of a VPIN bucket
    calm_below: float  # terciles of rv_60 in earlier sessions, bps; NaN when not fitted
    wild_above: float
    garch_omega: float  # bps squared
    garch_alpha: float
    garch_beta: float
    garch_variance: float  # of the session's first return, as forecast at the last close; bps squared


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of T grid minutes.

    Attributes:
        names: the F column names.
        values: (T, F), C-contiguous. A minute without a bar repeats the session's last row; only the clock moves on.
        valid: (T,) False where a value is NaN (warm-up) and on minutes before the session's first bar.
        sources: feature -> what it is computed from, see `FeaturePipeline`.
        fingerprint: sha256 over names, parameters and sources.
    """

    names: tuple[str, ...]
    values: FeatureArray
    valid: ValidArray
    sources: dict[str, str]
    fingerprint: str
