"""Observation: the market features of the last closed bar, then the account's own state, as float32.

Account features (SPEC C1, Account 6), in this order:
position (fraction of the allowed size), unrealised_pnl (in ATR per unit), bars_held (/ 30), session_pnl (/ daily loss
limit), session_drawdown (/ drawdown limit), cooldown_left (/ 10; always 0 until a cooldown rule exists).
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
from intraday_rl.market.rows import AccountRow, BarRow

ACCOUNT_FEATURES = (
    "position",
    "unrealised_pnl",
    "bars_held",
    "session_pnl",
    "session_drawdown",
    "cooldown_left",
)
BARS_HELD_UNIT = 30.0


class AccountColumns(NamedTuple):
    """Column of each account feature in the observation (-1 = not observed), and the units they are measured in."""

    position: int
    unrealised_pnl: int
    bars_held: int
    session_pnl: int
    session_drawdown: int
    cooldown_left: int
    daily_loss_unit: float  # fraction of session-start NAV
    drawdown_unit: float  # fraction of session-start NAV


@dataclass(frozen=True)
class ObservationLayout:
    """Which column means what: `market` features first, then `account` features."""

    market: tuple[str, ...]
    account: tuple[str, ...]
    daily_loss_unit: float
    drawdown_unit: float

    def __post_init__(self) -> None:
        """Refuse unknown and repeated features, and units that are not positive."""
        for name in self.account:
            if name not in ACCOUNT_FEATURES:
                raise FeatureError(
                    f"observation.account: no account feature {name}{checks.nearest(name, ACCOUNT_FEATURES)}"
                )
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise FeatureError(f"observation: each feature may stand once, {twice} stands twice")
        checks.positive("observation", "daily_loss_unit", self.daily_loss_unit, "fraction of session-start NAV")
        checks.positive("observation", "drawdown_unit", self.drawdown_unit, "fraction of session-start NAV")

    @property
    def names(self) -> tuple[str, ...]:
        """All column names in order."""
        return self.market + self.account

    @property
    def fingerprint(self) -> str:
        """Hash of names, order and units."""
        return hashing.hash_json([list(self.market), list(self.account), self.daily_loss_unit, self.drawdown_unit])

    def space(self) -> spaces.Box:
        """Return the unbounded float32 Box of the layout's width."""
        return spaces.Box(-np.inf, np.inf, (len(self.names),), dtype=np.float32)

    def pack(self) -> np.ndarray[Any, Any]:
        """Return the account columns as the one-element record array that kernels take."""
        columns = {
            name: len(self.market) + self.account.index(name) if name in self.account else -1
            for name in ACCOUNT_FEATURES
        }
        units = {"daily_loss_unit": self.daily_loss_unit, "drawdown_unit": self.drawdown_unit}
        return structs.pack(AccountColumns(**columns, **units))  # type: ignore[arg-type]


@njit
def _put(row: npt.NDArray[np.float32], column: int, value: float) -> None:
    if column >= 0:
        row[column] = value


@njit
def write_observation(
    row: npt.NDArray[np.float32],
    features: npt.NDArray[np.float32],
    account: AccountRow,
    bar: BarRow,
    columns: AccountColumns,
) -> None:
    """Write one account's observation: market features of the closed bar, then the observed account features.

    Args:
        row: where to write, (F,).
        features: market features of the closed bar, (F_market,).
        account: the account after the bar.
        bar: the closed bar.
        columns: where each account feature goes, and its unit.
    """
    for i in range(features.shape[0]):
        row[i] = features[i]
    side, gain = 0.0, 0.0
    if account.position != 0.0:
        side = math.copysign(1.0, account.position)
        if bar.atr > 0.0:
            gain = side * (bar.close - account.entry_price) / bar.atr
    fraction = account.position / account.size if account.size > 0.0 else side
    _put(row, columns.position, min(max(fraction, -1.0), 1.0))
    _put(row, columns.unrealised_pnl, gain)
    _put(row, columns.bars_held, account.bars_held / BARS_HELD_UNIT)
    pnl = (account.nav - account.start_nav) / account.start_nav
    _put(row, columns.session_pnl, pnl / columns.daily_loss_unit)
    _put(row, columns.session_drawdown, account.drawdown / columns.drawdown_unit)
    _put(row, columns.cooldown_left, 0.0)
