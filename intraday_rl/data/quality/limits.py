"""What the quality report looks at, and how much of it a session may have.

Conventions: every check gives each session one number; larger is worse. A session fails where its number lies above the
limit and, where the meaning says "also", a second condition holds. Shares are fractions, not percent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from intraday_rl.core import checks


class Check(NamedTuple):
    """One look at a session.

    Attributes:
        name: how it is called, also in `data.exclude`.
        limit: field of `QualityLimits` that it is compared with.
        unit: of the number; "share" is a fraction that is shown as percent.
        meaning: what the number is, one line.
    """

    name: str
    limit: str
    unit: str
    meaning: str


CHECKS: tuple[Check, ...] = (
    Check(
        "missing_minutes", "missing_share_max", "share",
        "minutes without a bar, where they are also far more than the symbol lacks in its median session",
    ),
    Check(
        "cut_short", "edge_gap_minutes_max", "minutes",
        "time without a bar at the session's beginning or end, where it is also long for a symbol that trades so often",
    ),
    Check("zero_volume", "zero_volume_share_max", "share", "bars with a volume of zero"),
    Check("crossed_quotes", "crossed_share_max", "share", "quotes whose bid lies above their ask"),
    Check("locked_quotes", "locked_share_max", "share", "quotes whose bid equals their ask"),
    Check("missing_quotes", "missing_quotes_share_max", "share", "bars without bid or ask, in a record with quotes"),
    Check("odd_prints", "odd_prints_max", "bars", "bars with a close, high or low far from the prices around it"),
    Check("split_jump", "split_ratio_max", "to 1", "n, where the opening is near n or 1/n times the close before it"),
    Check("stale_prices", "stale_bars_max", "bars", "longest run of bars that show one and the same price"),
    Check(
        "vwap_outside", "vwap_outside_share_max", "share",
        "bars whose vwap lies further outside [low, high] than odd lots explain",
    ),
)  # fmt: skip
CHECK_NAMES = tuple(check.name for check in CHECKS)


@dataclass(frozen=True, kw_only=True)
class QualityLimits:
    """How much of each check a session may have, and what the checks take for normal.

    Attributes:
        missing_share_max: minutes without a bar, and how many more than in the symbol's median session, fraction of the
            session's minutes.
        missing_deviations: robust deviations of log(bars per minute) by which a session of a thin symbol also has to
            lie below the median session.
        edge_gap_minutes_max: minutes without a bar at the beginning or the end.
        edge_gap_multiple: mean distances between the session's bars that such a gap also has to exceed.
        zero_volume_share_max: bars with volume 0, fraction of the bars.
        crossed_share_max: bid > ask, fraction of the bars with both.
        locked_share_max: bid = ask, fraction of the bars with both.
        missing_quotes_share_max: bars without bid or ask, fraction of the bars.
        odd_prints_max: odd prints.
        odd_print_deviations: robust deviations of one-minute returns from which on a print is odd.
        odd_print_floor_bps: smallest distance of an odd print from the prices around it.
        split_ratio_max: largest n of a jump by n or 1/n since the session before; 1 = none.
        split_tolerance: largest |log(ratio / n)| of such a jump.
        stale_bars_max: bars in a row that show one price.
        vwap_outside_share_max: fraction of the bars with a vwap.
        vwap_tolerance_bps: distance from [low, high] that odd lots explain.
    """

    missing_share_max: float
    missing_deviations: float
    edge_gap_minutes_max: float
    edge_gap_multiple: float
    zero_volume_share_max: float
    crossed_share_max: float
    locked_share_max: float
    missing_quotes_share_max: float
    odd_prints_max: float
    odd_print_deviations: float
    odd_print_floor_bps: float
    split_ratio_max: float
    split_tolerance: float
    stale_bars_max: float
    vwap_outside_share_max: float
    vwap_tolerance_bps: float

    def __post_init__(self) -> None:
        for check in CHECKS:
            value = getattr(self, check.limit)
            if check.unit == "share":
                checks.within("QualityLimits", check.limit, value, 0.0, 1.0, "fraction")
            else:
                checks.non_negative("QualityLimits", check.limit, value, check.unit)
        for name, unit in (
            ("missing_deviations", "deviations"),
            ("edge_gap_multiple", "mean distances of bars"),
            ("odd_print_deviations", "deviations"),
            ("odd_print_floor_bps", "basis points"),
            ("vwap_tolerance_bps", "basis points"),
        ):
            checks.positive("QualityLimits", name, getattr(self, name), unit)
        checks.within("QualityLimits", "split_tolerance", self.split_tolerance, 0.0, 0.2, "|log ratio|")
