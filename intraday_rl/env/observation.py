"""Observation: the market features of the last closed bar, then the account's own state, then earlier bars, as float32.

Account features (SPEC C1, B14) are described in `ACCOUNT_SPECS`. History: the columns named in `stacked` are also shown
as they were 1 ... frames - 1 bars ago. At a session's start nothing older than the episode's first observation is
known, and bars before it repeat that observation. Columns, W in all:

    F market and account columns | stacked columns 1 bar ago | 2 bars ago | ...

Where every column is stacked, this is a window of shape (frames, F): row 0 is the last closed bar, row i is i bars ago.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from intraday_rl.core import checks, hashing, structs
from intraday_rl.core.errors import FeatureError
from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, FeatureSpec
from intraday_rl.market.fills import carry_limit
from intraday_rl.market.rows import AccountRow, BarRow
from intraday_rl.market.spreads import half_spread

BARS_HELD_UNIT = 30.0
DRAWDOWN_BARS_UNIT = 60.0
COOLDOWN_UNIT = 10.0
LARGEST_ORDER = 2.0  # of the allowed size: from long to short


def _spec(name: str, unit: str, formula: str) -> FeatureSpec:
    return FeatureSpec(name=name, unit=unit, formula=formula, warm_up="none", needs=NOTHING, source=OWN)


ACCOUNT_SPECS = (
    _spec("position", "allowed size (-1 to 1)", "position / size that the limits allow an entry"),
    _spec("unrealised_pnl", "ATR", "side * (close - entry price) / ATR; 0 when flat or without an ATR"),
    _spec("bars_held", "30 bars", "bars since the entry / 30"),
    _spec("session_pnl", "daily_loss_unit", "(NAV - session-start NAV) / session-start NAV / daily_loss_unit"),
    _spec(
        "session_drawdown",
        "drawdown_unit",
        "(session's highest NAV - NAV) / session-start NAV / drawdown_unit",
    ),
    _spec("cooldown_left", "10 bars", "bars until the next entry is allowed / 10; 0 where no rule asks for a pause"),
    _spec(
        "spread_to_budget",
        "slippage budget",
        "the spread that a fill would pay now, in bps of the mid / slippage budget in bps",
    ),
    _spec(
        "slippage_to_budget",
        "slippage budget",
        "mean slippage of the session's last 3 fills in bps / slippage budget in bps; slippage = side * (fill price - "
        "mid at the decision) / mid; 0 before the first fill",
    ),
    _spec(
        "pending",
        "allowed size (-2 to 2)",
        "signed remainder of the order that the next bar may still fill / size that the limits allow an entry",
    ),
    _spec("session_turnover", "session-start NAV", "value traded in the session / session-start NAV"),
    _spec("drawdown_bars", "60 bars", "bars in a row with NAV below the session's highest / 60"),
)
ACCOUNT_FEATURES = tuple(spec.name for spec in ACCOUNT_SPECS)
BASIC = 6  # the first of them, the ones of most presets, are written without asking what else is observed
OF_BUDGET = ("spread_to_budget", "slippage_to_budget")


class AccountColumns(NamedTuple):
    """Column of each account feature in the observation (-1 = not observed), and the units they are measured in."""

    position: int
    unrealised_pnl: int
    bars_held: int
    session_pnl: int
    session_drawdown: int
    cooldown_left: int
    spread_to_budget: int
    slippage_to_budget: int
    pending: int
    session_turnover: int
    drawdown_bars: int
    extras: int  # how many beyond the first six are observed
    current: int  # how many columns show the last closed bar
    daily_loss_unit: float  # fraction of session-start NAV
    drawdown_unit: float  # fraction of session-start NAV
    slippage_budget_bps: float
    cooldown_bars: int


@dataclass(frozen=True, kw_only=True)
class ObservationLayout:
    """Which column means what.

    Attributes:
        market: market features.
        account: account features; they follow the market's.
        stacked: those of both that are also shown as they were in earlier bars.
        frames: how many bars are shown, the last closed one included; 1 = no history.
        daily_loss_unit: unit of session_pnl, fraction of session-start NAV.
        drawdown_unit: unit of session_drawdown, fraction of session-start NAV.
        slippage_budget_bps: unit of the features in `OF_BUDGET`, as frozen on the training sessions; NaN until it is
            known.
    """

    market: tuple[str, ...]
    account: tuple[str, ...]
    stacked: tuple[str, ...]
    frames: int
    daily_loss_unit: float
    drawdown_unit: float
    slippage_budget_bps: float

    def __post_init__(self) -> None:
        """Refuse unknown and repeated features, units that are not positive, and a history of nothing."""
        for name in self.account:
            if name not in ACCOUNT_FEATURES:
                raise FeatureError(
                    f"observation.account: no account feature {name}{checks.nearest(name, ACCOUNT_FEATURES)}"
                )
        for name in self.stacked:
            if name not in self.current:
                raise FeatureError(
                    f"observation.stacked: {name} is not observed{checks.nearest(name, self.current)}; only what is "
                    "shown of the last bar can be shown of earlier ones"
                )
        for names in (self.current, self.stacked):
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise FeatureError(f"observation: each feature may stand once, {twice} stands twice")
        checks.at_least("observation", "frames", self.frames, 1, "bars shown")
        if self.frames > 1 and not self.stacked:
            raise FeatureError(
                f"observation.stacked must name the features of which {self.frames} frames are shown, was empty"
            )
        checks.positive("observation", "daily_loss_unit", self.daily_loss_unit, "fraction of session-start NAV")
        checks.positive("observation", "drawdown_unit", self.drawdown_unit, "fraction of session-start NAV")

    def check_budget(self) -> None:
        """Refuse a slippage budget that nothing can be measured in, where a feature is measured in it."""
        asked = [name for name in OF_BUDGET if name in self.account]
        if asked and not (math.isfinite(self.slippage_budget_bps) and self.slippage_budget_bps > 0.0):
            raise FeatureError(
                f"observation.slippage_budget_bps must be > 0 (bps) where {asked[0]} is observed, was "
                f"{self.slippage_budget_bps!r}; a market without costs has no budget: leave the feature out"
            )

    @property
    def current(self) -> tuple[str, ...]:
        """The columns of the last closed bar in order, F."""
        return self.market + self.account

    @property
    def names(self) -> tuple[str, ...]:
        """All column names in order, W."""
        return self.current + tuple(f"{name}_lag{lag}" for lag in range(1, self.frames) for name in self.stacked)

    @property
    def shape(self) -> tuple[int, ...]:
        """What an agent is shown: (frames, F) where every column is stacked, else (W,)."""
        if self.frames > 1 and self.stacked == self.current:
            return (self.frames, len(self.current))
        return (len(self.names),)

    @property
    def fingerprint(self) -> str:
        """Hash of names, order, history and units."""
        columns = [list(names) for names in (self.market, self.account, self.stacked)]
        budget = self.slippage_budget_bps if set(OF_BUDGET) & set(self.account) else None
        return hashing.hash_json([columns, self.frames, self.daily_loss_unit, self.drawdown_unit, str(budget)])

    def space(self) -> spaces.Box:
        """Return the unbounded float32 Box of the layout's shape."""
        return spaces.Box(-np.inf, np.inf, self.shape, dtype=np.float32)

    def pack(self, cooldown_bars: int) -> np.ndarray[Any, Any]:
        """Return the account columns as the one-element record array that kernels take.

        Args:
            cooldown_bars: the pause between trades that the risk rules ask for, 0 = none.
        """
        columns = {
            name: len(self.market) + self.account.index(name) if name in self.account else -1
            for name in ACCOUNT_FEATURES
        }
        return structs.pack(
            AccountColumns(
                **columns,
                extras=sum(columns[name] >= 0 for name in ACCOUNT_FEATURES[BASIC:]),
                current=len(self.current),
                daily_loss_unit=self.daily_loss_unit,
                drawdown_unit=self.drawdown_unit,
                slippage_budget_bps=self.slippage_budget_bps,
                cooldown_bars=cooldown_bars,
            )
        )

    @property
    def sources(self) -> npt.NDArray[np.int64]:
        """For each column that shows an earlier bar, the column that showed it one bar before; itself else; (W,)."""
        current, count = len(self.current), len(self.stacked)
        sources = np.arange(len(self.names)) - count
        sources[:current] = np.arange(current)
        if self.frames > 1:
            sources[current : current + count] = [self.current.index(name) for name in self.stacked]
        return sources


@njit
def _put(row: npt.NDArray[np.float32], column: int, value: float) -> None:
    if column >= 0:
        row[column] = value


@njit
def _share(units: float, size: float, bound: float) -> float:
    """Return units as a share of the allowed size, in [-bound, bound]."""
    if units == 0.0:
        return 0.0
    share = units / size if size > 0.0 else math.copysign(bound, units)
    return min(max(share, -bound), bound)


@njit
def write_observation(
    row: npt.NDArray[np.float32],
    features: npt.NDArray[np.float32],
    account: AccountRow,
    bar: BarRow,
    columns: AccountColumns,
    execution: Any,
) -> None:
    """Write one account's observation: market features of the closed bar, then the observed account features.

    Args:
        row: where to write, (W,); lags are written by `write_lags`.
        features: market features of the closed bar, (F_market,).
        account: the account after the bar.
        bar: the closed bar.
        columns: where each account feature goes, and its unit.
        execution: the models of `Execution`: what a fill would cost, how long an order is carried.
    """
    for i in range(features.shape[0]):
        row[i] = features[i]
    gain = 0.0
    if account.position != 0.0 and bar.atr > 0.0:
        gain = math.copysign(1.0, account.position) * (bar.close - account.entry_price) / bar.atr
    _put(row, columns.position, _share(account.position, account.base_size, 1.0))
    _put(row, columns.unrealised_pnl, gain)
    _put(row, columns.bars_held, account.bars_held / BARS_HELD_UNIT)
    pnl = (account.nav - account.start_nav) / account.start_nav
    _put(row, columns.session_pnl, pnl / columns.daily_loss_unit)
    _put(row, columns.session_drawdown, account.drawdown / columns.drawdown_unit)
    _put(row, columns.cooldown_left, max(0, columns.cooldown_bars - account.bars_since_trade) / COOLDOWN_UNIT)
    if columns.extras > 0:
        _write_extras(row, account, bar, columns, execution)


@njit
def _write_extras(
    row: npt.NDArray[np.float32], account: AccountRow, bar: BarRow, columns: AccountColumns, execution: Any
) -> None:
    """Write the observed account features beyond the first six."""
    spread_bps = 2e4 * half_spread(execution.spread, bar, bar) / bar.mid
    _put(row, columns.spread_to_budget, spread_bps / columns.slippage_budget_bps)
    slippage_bps = account.slippage_bps + account.slippage_before_bps + account.slippage_third_bps
    slippage_bps /= max(min(account.fills, 3), 1)
    _put(row, columns.slippage_to_budget, slippage_bps / columns.slippage_budget_bps)
    remainder = 0.0
    if account.closing > 0 or account.carried < carry_limit(execution.fill):
        remainder = account.target - account.position
    _put(row, columns.pending, _share(remainder, account.base_size, LARGEST_ORDER))
    _put(row, columns.session_turnover, account.traded_notional / account.start_nav)
    _put(row, columns.drawdown_bars, account.drawdown_bars / DRAWDOWN_BARS_UNIT)


@njit
def write_lags(
    row: npt.NDArray[np.float32],
    before: npt.NDArray[np.float32],
    sources: npt.NDArray[np.float32],
    current: int,
    is_first: bool,
) -> None:
    """Write what the observation shows of earlier bars; `before` takes in the whole of it for the next bar.

    Args:
        row: the observation, its current columns written, (W,).
        before: the observation of the bar before, (W,).
        sources: `ObservationLayout.sources` as floats, which are exact for whole numbers, (W,).
        current: how many columns come first that show the last closed bar.
        is_first: whether the episode begins: no bar was before it, so this one stands for all of them.
    """
    for j in range(current, row.shape[0]):
        source = int(sources[j])
        row[j] = row[source] if is_first else before[source]
    for j in range(row.shape[0]):
        before[j] = row[j]
