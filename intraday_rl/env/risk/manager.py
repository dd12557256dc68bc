"""The risk manager: limits, entry rules, exits and layers as one component, for training, evaluation and paper trading.

Rules have names, which the audit trail repeats: `exits.session_close`, `layers.daily_loss`, `entries.cooldown`. In
compiled code a rule is its place in `rule_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intraday_rl.core import checks
from intraday_rl.core.errors import ConfigError
from intraday_rl.env.risk.base import exit_reason, position_limit
from intraday_rl.env.risk.entries import Cooldown, MaxRoundTrips
from intraday_rl.env.risk.exits import FlatBeforeClose
from intraday_rl.env.risk.layers import LAYER_NAMES, OFF, RiskLayers


@dataclass(frozen=True)
class RiskManager:
    """What an account may do.

    Attributes:
        limits: position limits that make the base size, by name, at least one.
        entries: limits that may shrink or refuse an entry, by name.
        exits: exit rules by name; one of them is FlatBeforeClose.
        layers: drawdown and loss.
        use_risk_wrapper: False leaves the base size and the session's close, and switches all else off.
    """

    limits: Mapping[str, Any]
    entries: Mapping[str, Any]
    exits: Mapping[str, Any]
    layers: RiskLayers
    use_risk_wrapper: bool

    def __post_init__(self) -> None:
        """Refuse rule sets under which a session would not end flat, or that leave out a part."""
        for name, group in (("limits", self.limits), ("exits", self.exits)):
            if not group:
                raise ConfigError(f"risk.{name} must name at least one rule, was empty")
        if not any(isinstance(rule, FlatBeforeClose) for rule in self.exits.values()):
            raise ConfigError("risk.exits must hold a FlatBeforeClose rule: sessions end flat")

    def placed(self) -> list[tuple[str, Any, Any]]:
        """Return each rule with its key and the model that it has to implement."""
        return [
            *((f"risk.limits.{name}", rule, position_limit) for name, rule in self.limits.items()),
            *((f"risk.entries.{name}", rule, position_limit) for name, rule in self.entries.items()),
            *((f"risk.exits.{name}", rule, exit_reason) for name, rule in self.exits.items()),
        ]

    def active(self) -> RiskManager:
        """Return the rules that are in force."""
        if self.use_risk_wrapper:
            return self
        closes = {name: rule for name, rule in self.exits.items() if isinstance(rule, FlatBeforeClose)}
        return RiskManager(self.limits, {}, closes, OFF, use_risk_wrapper=True)

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The names of the rules in force that can change a decision, by their code; code 0 is no rule."""
        rules = self.active()
        return (
            "",
            *(f"exits.{name}" for name in rules.exits),
            *(f"layers.{name}" for name in LAYER_NAMES),
            *(f"entries.{name}" for name in rules.entries),
            "layers.hard_drawdown",  # its other doing: no entries
            "limits.base_size",  # smaller than when an order was given that is still under way
        )

    @property
    def cooldown_bars(self) -> int:
        """The pause that an entry rule asks for, bars; 0 without one."""
        pauses = [rule.bars for rule in self.active().entries.values() if isinstance(rule, Cooldown)]
        return max(pauses, default=0)

    def check_commission(self, order_minimum_usd: float, capital_usd: float, share_max: float | None) -> None:
        """Refuse an account so small that its order minimums eat up the daily stop (SPEC B42).

        Args:
            order_minimum_usd: the least commission of an order.
            capital_usd: NAV at a session's start.
            share_max: of the daily loss that the commissions of all round trips may reach; None = not asked.

        Raises:
            ConfigError: they may reach more.
        """
        trips = [rule.round_trips for rule in self.entries.values() if isinstance(rule, MaxRoundTrips)]
        if share_max is None:
            return
        checks.fraction("risk", "commission_share_max", share_max, "of the daily loss")
        if not trips or self.layers.daily_loss is None:
            raise ConfigError(
                "risk.commission_share_max needs a MaxRoundTrips rule in risk.entries and a risk.layers.daily_loss"
            )
        fees, stop = 2.0 * min(trips) * order_minimum_usd, self.layers.daily_loss * capital_usd
        if fees > share_max * stop:
            raise ConfigError(
                f"risk.commission_share_max: {min(trips)} round trips at {order_minimum_usd:g} USD an order cost "
                f"{fees:g} USD, more than {share_max:g} of the daily loss of {stop:g} USD; allow fewer round trips, "
                "trade more capital, or choose a broker without an order minimum"
            )
