"""The layers of drawdown and loss at which a session is reined in, in one table (SPEC B15-B18, B49, B50).

Drawdown is measured from the session's highest NAV, as a fraction of the session-start NAV, and anew from where a
purgatory was left. A layer that is None is off.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.core.jit import njit
from intraday_rl.market.rows import AccountRow

DAILY_LOSS, HARD_DRAWDOWN, DAILY_DRAWDOWN = 1, 2, 3  # codes of the layer that stops the day, 0 = none
LAYER_NAMES = ("daily_loss", "hard_drawdown", "daily_drawdown")


class RiskLayers(NamedTuple):
    """Soft and hard drawdown, daily drawdown and daily loss, all fractions of session-start NAV.

    soft_drawdown: reaching it enters purgatory: the peak from which drawdown is measured stays where it is, until the
        NAV has recovered by `recovery` from its low; then it is measured from the NAV of that moment.
    hard_drawdown: while at or beyond it there are no entries; with terminate_on_hard the day is over.
    daily_drawdown: with halt_on_breach the day is over once the drawdown has been beyond it for more than breach_bars
        bars in a row: at the 61st for 60. At equality the count starts again.
    daily_loss: the day is over once so much of the session-start NAV is lost.
    """

    soft_drawdown: float | None
    recovery: float | None
    hard_drawdown: float | None
    terminate_on_hard: bool
    daily_drawdown: float | None
    breach_bars: int
    halt_on_breach: bool
    daily_loss: float | None

    def check(self) -> None:
        """Refuse fractions outside (0, 1] and layers that contradict one another (soft < hard <= daily)."""
        for name in ("soft_drawdown", "recovery", "hard_drawdown", "daily_drawdown", "daily_loss"):
            value = getattr(self, name)
            if value is not None:
                checks.fraction("RiskLayers", name, value, "of session-start NAV")
        checks.non_negative("RiskLayers", "breach_bars", self.breach_bars, "bars")
        self._check_order("soft_drawdown", "hard_drawdown", strict=True)
        self._check_order("soft_drawdown", "daily_drawdown", strict=True)
        self._check_order("hard_drawdown", "daily_drawdown", strict=False)
        if self.recovery is not None and self.soft_drawdown is None:
            raise ParameterError("RiskLayers.recovery needs a soft_drawdown to recover from, which is null; set both")
        if self.soft_drawdown is not None and self.recovery is None:
            raise ParameterError("RiskLayers.soft_drawdown needs a recovery that ends it, which is null; set both")

    def _check_order(self, first: str, second: str, strict: bool) -> None:
        inner, outer = getattr(self, first), getattr(self, second)
        if inner is not None and outer is not None and (inner > outer or (strict and inner == outer)):
            law = "<" if strict else "<="
            raise ParameterError(
                f"RiskLayers.{first} must be {law} {second} ({outer:g} of session-start NAV), was {inner:g}; switch "
                "one off with null"
            )

    def warnings(self) -> list[str]:
        """Return a line for each pair of layers of which one hardly ever is reached because of the other."""
        stops = [("daily_loss", self.daily_loss)]
        if self.terminate_on_hard:
            stops.append(("hard_drawdown", self.hard_drawdown))
        lines = []
        for stop, limit in stops:
            for name in ("soft_drawdown", "hard_drawdown", "daily_drawdown", "daily_loss"):
                layer = getattr(self, name)
                if limit is not None and layer is not None and name != stop and limit < layer:
                    lines.append(
                        f"risk.layers.{name} ({layer:g}) cannot be reached while risk.layers.{stop} ({limit:g}) ends "
                        f"the day first{', but from a profit' if stop == 'daily_loss' else ''}; set one of them to null"
                    )
        return lines


OFF = RiskLayers(None, None, None, False, None, 0, False, None)


@njit
def update_layers(layers: Any, account: AccountRow) -> None:
    """Take in the NAV at a close: drawdown from the baseline, bars beyond the daily layer, purgatory."""
    account.recovered = 0
    if math.isnan(layers.soft_drawdown):  # no purgatory: what the account's own drawdown is measured from
        account.baseline, account.layer_drawdown = account.high_water_mark, account.drawdown
    else:
        if account.purgatory_low == 0.0:
            account.baseline = max(account.baseline, account.nav)
        account.layer_drawdown = max(0.0, account.baseline - account.nav) / account.start_nav
        _purgatory(layers, account)
    account.breach_bars = account.breach_bars + 1 if account.layer_drawdown > layers.daily_drawdown else 0


@njit
def _purgatory(layers: Any, account: AccountRow) -> None:
    if account.purgatory_low == 0.0:
        if account.layer_drawdown >= layers.soft_drawdown:
            account.purgatory_low = account.nav
        return
    account.purgatory_low = min(account.purgatory_low, account.nav)
    if account.nav - account.purgatory_low >= layers.recovery * account.start_nav:
        account.baseline = account.nav
        account.layer_drawdown = 0.0
        account.purgatory_low = 0.0
        account.recovered = 1
        account.baseline_resets += 1


@njit
def stopping_layer(layers: Any, account: AccountRow) -> int:
    """Return the code of the layer that ends the day, or 0."""
    if account.start_nav - account.nav >= layers.daily_loss * account.start_nav:
        return DAILY_LOSS
    if layers.terminate_on_hard and account.layer_drawdown >= layers.hard_drawdown:
        return HARD_DRAWDOWN
    if layers.halt_on_breach and account.breach_bars > layers.breach_bars:
        return DAILY_DRAWDOWN
    return 0


@njit
def layer_limit(layers: Any, account: AccountRow) -> float:
    """Return 0 while the drawdown is at the hard layer or beyond it, else no limit."""
    return 0.0 if account.layer_drawdown >= layers.hard_drawdown else math.inf
