"""Laws that every implementation of a model obeys, whoever wrote it: the suites walk the model tables.

`EXAMPLES` holds parameters for each struct; an implementation without them fails the suite. A law takes the
implementation and one example and asserts. Numbers are tried over `BARS` and `accounts`, ordinary and odd ones.
"""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Iterator
from typing import Any

from intraday_rl.core.coerce import coerce
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget, target_position
from intraday_rl.env.rewards import Profit, StepRow, TurnoverPenalty, reward_term
from intraday_rl.env.risk import (
    EXIT_REASONS,
    DailyLoss,
    FlatBeforeClose,
    MaxNotional,
    MaxUnits,
    RiskPerTrade,
    exit_reason,
    position_limit,
)
from intraday_rl.market.costs import PerUnitCommission, commission_usd
from intraday_rl.market.fills import VolumeShareFill, carry_limit, filled_quantity
from intraday_rl.market.impact import SquareRootImpact, temporary_impact
from intraday_rl.market.latency import UniformLatency, arrival
from intraday_rl.market.spreads import QuotedSpread, half_spread
from tests.support.rows import account_row, bar_row, step_row, term_memory

MODELS: dict[str, Any] = {
    stub.model.name: stub.model
    for stub in (
        arrival,
        half_spread,
        temporary_impact,
        filled_quantity,
        carry_limit,
        commission_usd,
        target_position,
        position_limit,
        exit_reason,
        reward_term,
    )
}

EXAMPLES: dict[type, list[Any]] = {
    UniformLatency: [UniformLatency(0.0, 0.0), UniformLatency(50.0, 150.0), UniformLatency(0.0, 59_999.0)],
    QuotedSpread: [QuotedSpread(0.0), QuotedSpread(0.01)],
    SquareRootImpact: [SquareRootImpact(0.0), SquareRootImpact(1.0)],
    VolumeShareFill: [VolumeShareFill(0.1, 2), VolumeShareFill(1.0, 0)],
    PerUnitCommission: [PerUnitCommission(0.005, 1.0, 0.01), PerUnitCommission(0.62, 0.0, 1.0)],
    DiscreteStep: [DiscreteStep()],
    DiscreteTarget: [DiscreteTarget()],
    Continuous: [Continuous()],
    MaxUnits: [MaxUnits(1), MaxUnits(300)],
    MaxNotional: [MaxNotional(0.01), MaxNotional(2.0)],
    RiskPerTrade: [RiskPerTrade(0.003, 0.03)],
    FlatBeforeClose: [FlatBeforeClose(1), FlatBeforeClose(5)],
    DailyLoss: [DailyLoss(0.0048), DailyLoss(1.0)],
    Profit: [Profit(1.0), Profit(0.25)],
    TurnoverPenalty: [TurnoverPenalty(5e-5, 0.02, 50.0), TurnoverPenalty(1.0, 0.5, 1.0)],
}

BARS = [
    bar_row(),
    bar_row(quoted_spread=0.02),
    bar_row(traded=0, volume=0.0),
    bar_row(volume=3.0, typical_volume=0.0),
    bar_row(atr=0.0, volatility=0.0),
    bar_row(minutes_to_close=0),
    bar_row(open=5_000.0, high=5_001.0, low=4_999.0, close=5_000.0, vwap=5_002.0, mid=5_000.125, quoted_spread=0.25),
]
ACCOUNT_FIELDS: list[dict[str, float]] = [
    {},
    {"position": 100.0, "target": 100.0, "entry_price": 99.0, "bars_held": 7, "nav": 50_100.0},
    {"position": -40.0, "target": -100.0, "entry_price": 101.0, "carried": 1, "nav": 48_000.0, "drawdown": 0.04},
    {"position": 60.0, "target": 0.0, "entry_price": 99.0, "size": 30.0},
    {"size": 0.0, "nav": 1.0},
    {"nav": -500.0, "cash": -500.0},
]
QUANTITIES = [0.0, 1.0, 99.0, 10_000.0]


def accounts() -> Iterator[tuple[Any, Any]]:
    """Yield each account and its mirror image: long for short."""
    for fields in ACCOUNT_FIELDS:
        sides = {name: -fields[name] for name in ("position", "target") if name in fields}
        yield account_row(**fields), account_row(**(fields | sides))


def implementations() -> Iterator[tuple[str, type, Callable[..., Any]]]:
    """Yield (model, struct, implementation) for every member of every model's table."""
    for name, table in MODELS.items():
        for struct, function in table.implementations.items():
            yield name, struct, function


def examples_of(struct: type) -> list[Any]:
    """Return the example parameters of a struct, or fail."""
    assert EXAMPLES.get(struct), f"{struct.__name__} has no example parameters in tests/support/conformance.py"
    return EXAMPLES[struct]


def check_struct(params: Any) -> None:
    """Annotated scalars without defaults, a spec sheet, a check that accepts the example, built from plain values."""
    struct = type(params)
    hints = typing.get_type_hints(struct)
    assert set(hints.values()) <= {float, int, bool}
    assert set(hints) == set(struct._fields)
    assert struct._field_defaults == {}
    assert (inspect.getdoc(struct) or "").strip().endswith((".", ")"))
    assert "alias for field" not in (struct.__doc__ or "")
    assert hasattr(params, "check") or not struct._fields
    assert coerce(struct, params._asdict()) == params


def check_arrival(function: Callable[..., Any], params: Any) -> None:
    """An order arrives inside the bar, later for larger draws."""
    times = [function(params, noise) for noise in (0.0, 0.25, 0.5, 1.0 - 2.0**-53)]
    assert all(0.0 <= time < 1.0 for time in times)
    assert times == sorted(times)


def check_half_spread(function: Callable[..., Any], params: Any) -> None:
    """Never negative, always finite, and blind to what the fill bar's own close and quote will be."""
    for decision in BARS:
        for bar in BARS:
            half = function(params, decision, bar)
            assert 0.0 <= half < math.inf
            later = bar._replace(close=bar.close * 2.0, mid=bar.mid * 2.0, quoted_spread=9.0, atr=7.0)
            assert function(params, decision, later) == half


def check_temporary_impact(function: Callable[..., Any], params: Any) -> None:
    """Nothing for nothing, never negative, never smaller for a larger order."""
    for decision in BARS:
        pushes = [function(params, quantity, decision) for quantity in QUANTITIES]
        assert pushes[0] == 0.0
        assert all(0.0 <= push < math.inf for push in pushes)
        assert pushes == sorted(pushes)


def check_filled_quantity(function: Callable[..., Any], params: Any) -> None:
    """Whole units between nothing and the order, nothing without a trade, buys and sells alike."""
    for bar in BARS:
        for quantity in QUANTITIES:
            for urgent in (False, True):
                filled = function(params, quantity, urgent, bar)
                assert 0.0 <= filled <= quantity
                assert filled == math.floor(filled)
                assert filled == -function(params, -quantity, urgent, bar)
                assert filled == 0.0 or bar.traded
            assert function(params, quantity, True, bar) >= function(params, quantity, False, bar)


def check_carry_limit(function: Callable[..., Any], params: Any) -> None:
    """A whole number of bars."""
    assert function(params) >= 0
    assert function(params) == int(function(params))


def check_commission_usd(function: Callable[..., Any], params: Any) -> None:
    """Nothing for nothing, never negative, never more than the notional, never less for more units."""
    for price in (0.5, 100.0, 5_000.0):
        fees = [function(params, quantity, quantity * price) for quantity in QUANTITIES]
        assert fees[0] == 0.0
        assert all(0.0 <= fee <= quantity * price for fee, quantity in zip(fees, QUANTITIES, strict=True))
        assert fees == sorted(fees)


def check_target_position(function: Callable[..., Any], params: Any) -> None:
    """Whole units, at most what is allowed or asked for already, and the mirrored action for the mirrored account."""
    discrete = hasattr(params.space(), "n")
    actions = range(params.space().n) if discrete else (-1.0, -0.31, 0.0, 0.5, 1.0)
    for account, mirrored in accounts():
        for action in actions:
            target = function(params, action, account)
            assert target == math.floor(target)
            assert abs(target) <= max(account["size"], abs(account["target"]))
            assert function(params, 2 - action if discrete else -action, mirrored) == -target


def check_position_limit(function: Callable[..., Any], params: Any) -> None:
    """Finite, not negative for an account that has money, the same for longs and shorts."""
    for account, mirrored in accounts():
        for bar in BARS:
            for multiplier in (0.1, 1.0, 50.0):
                limit = function(params, account, bar, multiplier)
                assert math.isfinite(limit)
                assert limit >= 0.0 or account["nav"] < 0.0
                assert function(params, mirrored, bar, multiplier) == limit


def check_exit_reason(function: Callable[..., Any], params: Any) -> None:
    """One of the known codes, the same for longs and shorts."""
    for account, mirrored in accounts():
        for bar in BARS:
            code = function(params, account, bar)
            assert code in EXIT_REASONS
            assert function(params, mirrored, bar) == code


STEPS = [
    step_row(),
    step_row(nav_after=50_250.0, position=100.0),
    step_row(nav_after=49_000.0, drawdown=0.02, position=-100.0, traded_usd=10_000.0),
    step_row(nav_before=20_000.0, nav_after=20_001.0, drawdown=0.6, traded_usd=80_000.0),
]


def check_reward_term(function: Callable[..., Any], params: Any) -> None:
    """Finite USD, twice as much when all USD are doubled, proportional to the weight, absent without it."""
    memory = term_memory()
    for step in STEPS:
        usd = function(params, step, memory)
        assert math.isfinite(usd)
        doubled = StepRow(
            *(2.0 * v if n.endswith(("nav", "before", "after", "usd")) else v for n, v in step._asdict().items())
        )
        assert math.isclose(function(params, doubled, memory), 2.0 * usd, rel_tol=1e-12)
        if "weight" in params._fields:
            assert function(params._replace(weight=0.0), step, memory) == 0.0
            assert math.isclose(
                function(params._replace(weight=3.0 * params.weight), step, memory), 3.0 * usd, rel_tol=1e-12
            )


LAWS: dict[str, Callable[[Callable[..., Any], Any], None]] = {
    "arrival": check_arrival,
    "half_spread": check_half_spread,
    "temporary_impact": check_temporary_impact,
    "filled_quantity": check_filled_quantity,
    "carry_limit": check_carry_limit,
    "commission_usd": check_commission_usd,
    "target_position": check_target_position,
    "position_limit": check_position_limit,
    "exit_reason": check_exit_reason,
    "reward_term": check_reward_term,
}
