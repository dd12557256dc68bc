"""Live features: the same pass, one minute a call.

Conventions: a stream serves one session. It takes in the history first, so its memory is the one that a pass over
history and session together would have, and its rows are equal to that pass's bit for bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.core.errors import FeatureError
from intraday_rl.data.bars import Bars
from intraday_rl.features.engine import run_pass
from intraday_rl.features.fitted.seasons import NextSession
from intraday_rl.features.library.cross_asset import ReferenceColumns
from intraday_rl.features.pipeline import FeaturePipeline
from intraday_rl.features.references import NO_REFERENCES, References
from intraday_rl.features.trail import BarColumns


class MinuteBar(NamedTuple):
    """One closed minute bar; prices in price units, NaN in the optional columns where unknown."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    trade_count: float
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    buy_volume: float
    sell_volume: float
    order_flow: float
    effective_spread_bps: float
    side_per_mid: float


NO_BAR = MinuteBar(*[np.nan] * len(MinuteBar._fields))


class ReferenceMinute(NamedTuple):
    """What the references did in the same minute; NaN where one has no bar, or is not asked for."""

    leader_high: float
    leader_low: float
    leader_close: float
    follower_high: float
    follower_low: float
    follower_close: float
    vix: float


NO_MINUTE = ReferenceMinute(*[np.nan] * len(ReferenceMinute._fields))


class FeatureStream:
    """The features of one session, minute by minute.

    Args:
        pipeline: which features.
        history: the bars before the session, at least one session; they also tell which columns exist.
        session: the session to come.
        references: of the history's sessions; the VIX's daily closes up to the day before the session.
    """

    def __init__(
        self, pipeline: FeaturePipeline, history: Bars, session: NextSession, references: References = NO_REFERENCES
    ) -> None:
        """Fit on the history, take it in, and stand before the session's first minute."""
        checks.at_least("FeatureStream", "session.minutes", session.minutes, 1, "minutes")
        pipeline.sources(history, references)  # refuses a feature whose references are not there
        references.check_cover(history)
        self._fits = pipeline.fit(history, session, references)
        _, self._memory = pipeline.run(history, self._fits, references)
        self._session = len(history.sessions)
        self._output = pipeline.new_output(1)
        self._session_minutes = session.minutes
        self._minute = 0

    def update(
        self, bar: MinuteBar | None, references: ReferenceMinute = NO_MINUTE
    ) -> tuple[npt.NDArray[np.float32], bool]:
        """Take in the next minute and return its row (F,) and whether it is valid.

        Args:
            bar: the minute's bar; None when nothing was traded.
            references: the references' minute.

        Raises:
            FeatureError: the session is over.
        """
        if self._minute >= self._session_minutes:
            raise FeatureError(f"the session has {self._session_minutes} minutes, all of them were given; start anew")
        values = NO_BAR if bar is None else bar
        bars = BarColumns(
            np.array([self._session]),
            np.array([self._minute]),
            np.array([bar is not None]),
            *(np.array([value], dtype=np.float64) for value in values),
        )
        others = ReferenceColumns(*(np.array([value], dtype=np.float64) for value in references))
        run_pass(bars, others, self._fits, self._memory, self._output)
        self._minute += 1
        return self._output.values[0].copy(), bool(self._output.valid[0])
