"""References: bars of other symbols and the VIX, beside the bars of the traded symbol.

Conventions: a reference has to cover every session of the traded symbol; what is missing is refused, not filled. Its
minutes are found by their start. Shapes: T rows, S sessions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import DataError
from intraday_rl.core.hashing import hash_arrays, hash_json
from intraday_rl.data.bars import Bars
from intraday_rl.data.daily import DailyCloses
from intraday_rl.features.library.cross_asset import ReferenceColumns

FloatColumn = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class References:
    """What the cross-asset features read; None = those features are not computed.

    Attributes:
        leader: bars of the symbol whose new extremes count, such as SPY.
        follower: bars of the symbol that has to confirm them, such as QQQ.
        vix_daily: the VIX's daily closes.
        vix_minutes: the VIX's minute bars.
    """

    leader: Bars | None = field(default=None)
    follower: Bars | None = field(default=None)
    vix_daily: DailyCloses | None = field(default=None)
    vix_minutes: Bars | None = field(default=None)

    def _minute_bars(self) -> Iterator[Bars]:
        yield from (bars for bars in (self.leader, self.follower, self.vix_minutes) if bars is not None)

    def check_cover(self, bars: Bars) -> None:
        """Refuse references that lack a session of the traded symbol's bars.

        Raises:
            DataError: names the reference and the first missing session.
        """
        for reference in self._minute_bars():
            missing = ~np.isin(bars.sessions.date, reference.sessions.date)
            if missing.any():
                day = bars.sessions.date[int(missing.argmax())]
                raise DataError(
                    f"reference {reference.symbol} must cover every session of {bars.symbol}, lacks {day} and "
                    f"{int(missing.sum()) - 1} more; add its bars, choose data.start and data.end, or switch the "
                    "feature off (features.smt.enabled=false, features.vix.enabled=false)"
                )

    def columns(self, bars: Bars) -> ReferenceColumns:
        """Return the references' minutes on the grid of the bars."""
        leader, follower = (
            {name: _on_grid(reference, bars, name) for name in ("high", "low", "close")}
            for reference in (self.leader, self.follower)
        )
        return ReferenceColumns(
            leader_high=leader["high"],
            leader_low=leader["low"],
            leader_close=leader["close"],
            follower_high=follower["high"],
            follower_low=follower["low"],
            follower_close=follower["close"],
            vix=_on_grid(self.vix_minutes, bars, "close"),
        )

    @property
    def fingerprint(self) -> str:
        """Return the sha256 over all that the references hold."""
        daily = self.vix_daily
        days = None if daily is None else hash_arrays(daily.date.astype(np.int64), daily.close)
        minutes = [None if b is None else b.fingerprint for b in (self.leader, self.follower, self.vix_minutes)]
        return hash_json([days, *minutes])


NO_REFERENCES = References()


def _on_grid(reference: Bars | None, bars: Bars, name: str) -> FloatColumn:
    """Return a column of the reference in the minutes of the bars, (T,); NaN where it has no bar, (0,) without it."""
    if reference is None:
        return np.empty(0)
    traded = reference.traded
    start, values = reference.start_ns[traded], getattr(reference, name)[traded]
    place = np.minimum(np.searchsorted(start, bars.start_ns), len(start) - 1)
    column: FloatColumn = np.where(start[place] == bars.start_ns, values[place], np.nan)
    return column
