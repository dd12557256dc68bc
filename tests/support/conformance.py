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

from intraday_rl.core import structs
from intraday_rl.core.coerce import coerce
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget, asked_side, target_position
from intraday_rl.env.rewards import (
    ActionChangePenalty,
    BootstrapBonus,
    DifferentialSharpe,
    DrawdownPenalty,
    DrawdownPotential,
    LiteralTurnoverPenalty,
    PositionRiskPenalty,
    Profit,
    RecoveryBonus,
    RepeatPenalty,
    RoundTripBonus,
    StepRow,
    TurnoverPenalty,
    VolatilityPenalty,
    reward_term,
)
from intraday_rl.env.risk import (
    EXIT_REASONS,
    Cooldown,
    EventBlackout,
    FlatBeforeClose,
    HoldingLimit,
    HourlyTurnover,
    InverseVolatility,
    KellyFraction,
    LiteralKelly,
    MarketTimeLimit,
    MaxNotional,
    MaxRoundTrips,
    MaxUnits,
    RiskPerTrade,
    TradeStop,
    VolatilityBudget,
    exit_reason,
    position_limit,
)
from intraday_rl.market.costs import PerUnitCommission, commission_usd
from intraday_rl.market.fills import VolumeShareFill, carry_limit, filled_quantity, urgent_spreads
from intraday_rl.market.impact import (
    KyleImpact,
    LinearImpact,
    SquareRootImpact,
    impact_kept,
    impact_left,
    temporary_impact,
)
from intraday_rl.market.latency import MOST_BARS, UniformLatency, delay_bars
from intraday_rl.market.rows import Stress
from intraday_rl.market.spreads import QuotedSpread, WideningSpread, half_spread
from tests.support.rows import account_row, bar_row, own_memory, step_row

MODELS: dict[str, Any] = {
    stub.model.name: stub.model
    for stub in (
        delay_bars,
        half_spread,
        temporary_impact,
        impact_left,
        impact_kept,
        filled_quantity,
        urgent_spreads,
        carry_limit,
        commission_usd,
        target_position,
        asked_side,
        position_limit,
        exit_reason,
        reward_term,
    )
}

EXAMPLES: dict[type, list[Any]] = {
    UniformLatency: [UniformLatency(0.0, 0.0), UniformLatency(50.0, 150.0), UniformLatency(0.0, 299_999.0)],
    QuotedSpread: [QuotedSpread(0.0, 1.0), QuotedSpread(0.01, 2.0)],
    WideningSpread: [WideningSpread(0.0, 5.0, 1.0), WideningSpread(0.01, 5.0, 1.0), WideningSpread(0.01, 1.0, 2.0)],
    SquareRootImpact: [SquareRootImpact(0.0), SquareRootImpact(1.0)],
    LinearImpact: [LinearImpact(0.0), LinearImpact(1e-4)],
    KyleImpact: [KyleImpact(0.0, 0.5, 0.7, 0.5), KyleImpact(1.0, 0.5, 0.7, 0.5), KyleImpact(2.0, 1.0, 0.9, 0.0)],
    VolumeShareFill: [VolumeShareFill(0.1, 2, 3.0, 3.0), VolumeShareFill(1.0, 0, 1e9, 1.0)],
    PerUnitCommission: [PerUnitCommission(0.005, 1.0, 0.01), PerUnitCommission(0.62, 0.0, 1.0)],
    DiscreteStep: [DiscreteStep()],
    DiscreteTarget: [DiscreteTarget()],
    Continuous: [Continuous()],
    MaxUnits: [MaxUnits(1), MaxUnits(300)],
    MaxNotional: [MaxNotional(0.01), MaxNotional(2.0)],
    RiskPerTrade: [RiskPerTrade(0.003, 0.03)],
    FlatBeforeClose: [FlatBeforeClose(1), FlatBeforeClose(5)],
    TradeStop: [TradeStop(1.0), TradeStop(2.5)],
    HoldingLimit: [HoldingLimit(1), HoldingLimit(30)],
    MarketTimeLimit: [MarketTimeLimit(1), MarketTimeLimit(180)],
    Cooldown: [Cooldown(0), Cooldown(10)],
    MaxRoundTrips: [MaxRoundTrips(1), MaxRoundTrips(20)],
    HourlyTurnover: [HourlyTurnover(0.25), HourlyTurnover(2.0)],
    EventBlackout: [EventBlackout()],
    VolatilityBudget: [VolatilityBudget(0.04), VolatilityBudget(1.0)],
    InverseVolatility: [InverseVolatility(100, 300), InverseVolatility(1, 1)],
    KellyFraction: [KellyFraction(0.25, 1.0, 200), KellyFraction(1.0, 0.5, 30)],
    LiteralKelly: [LiteralKelly(0.25, 1.0)],
    Profit: [Profit(1.0), Profit(0.25)],
    TurnoverPenalty: [TurnoverPenalty(5e-5, 0.02, 50.0), TurnoverPenalty(1.0, 0.5, None)],
    LiteralTurnoverPenalty: [LiteralTurnoverPenalty(5e-5, 0.02, 50.0)],
    RoundTripBonus: [RoundTripBonus(10.0, 1.5, 0.5), RoundTripBonus(10.0, 1.5, 1.0)],
    DrawdownPenalty: [DrawdownPenalty(0.03, 1500.0, 7500.0, 0.05), DrawdownPenalty(0.001, 0.0, 7500.0, 1.0)],
    RecoveryBonus: [RecoveryBonus(0.01)],
    ActionChangePenalty: [ActionChangePenalty(5.0)],
    RepeatPenalty: [RepeatPenalty(0.2)],
    BootstrapBonus: [BootstrapBonus(0.01)],
    VolatilityPenalty: [VolatilityPenalty(0.001, 0.15)],
    PositionRiskPenalty: [PositionRiskPenalty(5.0, 0.06), PositionRiskPenalty(2_000.0, 0.05)],
    DrawdownPotential: [DrawdownPotential(1.0, 0.99)],
    DifferentialSharpe: [DifferentialSharpe(1.0, 0.01)],
}

BARS = [
    bar_row(),
    bar_row(quoted_spread=0.02),
    bar_row(traded=0, volume=0.0),
    bar_row(volume=3.0, typical_volume=0.0),
    bar_row(atr=0.0, volatility=0.0),
    bar_row(minutes_to_close=0),
    bar_row(widening=7.5, kyle_lambda=0.0, blackout=1, calm_volatility=0.0),
    bar_row(open=5_000.0, high=5_001.0, low=4_999.0, close=5_000.0, vwap=5_002.0, mid=5_000.125, quoted_spread=0.25),
]
ACCOUNT_FIELDS: list[dict[str, float]] = [
    {},
    {"position": 100.0, "target": 100.0, "entry_price": 99.0, "bars_held": 7, "nav": 50_100.0, "entry_atr": 0.5},
    {"position": -40.0, "target": -100.0, "entry_price": 101.0, "carried": 1, "nav": 48_000.0, "drawdown": 0.04},
    {"position": 60.0, "target": 0.0, "entry_price": 99.0, "size": 30.0},
    {"size": 0.0, "nav": 1.0},
    {"nav": -500.0, "cash": -500.0},
    {"round_trips": 20, "in_market_bars": 180, "bars_since_trade": 3, "traded_notional": 1e6, "steps": 9},
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
    assert set(hints.values()) <= {float, int, bool, float | None}
    assert set(hints) == set(struct._fields)
    assert struct._field_defaults == {}
    assert (inspect.getdoc(struct) or "").strip().endswith((".", ")"))
    assert "alias for field" not in (struct.__doc__ or "")
    assert hasattr(params, "check") or not struct._fields
    assert coerce(struct, params._asdict()) == params


def check_delay_bars(function: Callable[..., Any], params: Any) -> None:
    """An order arrives after its decision, before it is forgotten, later for larger draws and under stress."""
    draws = (0.0, 0.25, 0.5, 1.0 - 2.0**-53)
    times = [function(params, noise) for noise in draws]
    assert all(0.0 <= time < MOST_BARS + 1.0 for time in times)
    assert times == sorted(times)
    assert all(function(stressed(params, latency=2.0), noise) == 2.0 * function(params, noise) for noise in draws)


def check_half_spread(function: Callable[..., Any], params: Any) -> None:
    """Never negative, always finite, and blind to what the fill bar's own close and quote will be."""
    for decision in BARS:
        for bar in BARS:
            half = function(params, decision, bar)
            assert 0.0 <= half < math.inf
            later = bar._replace(close=bar.close * 2.0, mid=bar.mid * 2.0, quoted_spread=9.0, atr=7.0)
            assert function(params, decision, later) == half
            assert function(stressed(params, costs=2.0), decision, bar) == 2.0 * half


def stressed(params: Any, **changes: float) -> Any:
    """Return an execution model's parameters in a market that is dearer, slower or thinner."""
    return params.stressed(Stress(**({"costs": 1.0, "latency": 1.0, "liquidity": 1.0} | changes)))


def check_temporary_impact(function: Callable[..., Any], params: Any) -> None:
    """Nothing for nothing, never negative, never smaller for a larger order."""
    for decision in BARS:
        pushes = [function(params, quantity, decision) for quantity in QUANTITIES]
        assert pushes[0] == 0.0
        assert all(0.0 <= push < math.inf for push in pushes)
        assert pushes == sorted(pushes)
        for changes in ({"costs": 2.0}, {"liquidity": 0.5}):
            dearer = [function(stressed(params, **changes), quantity, decision) for quantity in QUANTITIES]
            assert all(more > less or more == less == 0.0 for more, less in zip(dearer, pushes, strict=True))


def check_impact_left(function: Callable[..., Any], params: Any) -> None:
    """Nothing for nothing, of the order's sign, proportional to the order (Gatheral 2010), as much on both sides."""
    for decision in BARS:
        assert function(params, 0.0, decision) == (0.0, 0.0)
        one = function(params, 1.0, decision)
        assert all(0.0 <= part < math.inf for part in one)
        for quantity in QUANTITIES:
            for sign in (1.0, -1.0):
                left = function(params, sign * quantity, decision)
                assert all(
                    math.isclose(part, sign * quantity * unit, rel_tol=1e-12)
                    for part, unit in zip(left, one, strict=True)
                )


def check_impact_kept(function: Callable[..., Any], params: Any) -> None:
    """Both states fade."""
    slow, fast = function(params)
    assert 0.0 <= fast <= slow < 1.0 or slow == fast == 0.0


def check_urgent_spreads(function: Callable[..., Any], params: Any) -> None:
    """Urgency is never cheaper."""
    assert 1.0 <= function(params) < math.inf


def check_filled_quantity(function: Callable[..., Any], params: Any) -> None:
    """Whole units between nothing and the order, nothing without a trade, buys and sells alike."""
    for bar in BARS:
        for quantity in QUANTITIES:
            for urgent in (False, True):
                filled = function(params, quantity, urgent, BARS[0], bar)
                assert 0.0 <= filled <= quantity
                assert filled == math.floor(filled)
                assert filled == -function(params, -quantity, urgent, BARS[0], bar)
                assert filled == 0.0 or bar.traded
                assert function(stressed(params, liquidity=0.5), quantity, urgent, BARS[0], bar) <= filled
            calm, hurried = (function(params, quantity, urgent, BARS[0], bar) for urgent in (False, True))
            assert hurried >= calm


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
        dearer = [function(stressed(params, costs=2.0), quantity, quantity * price) for quantity in QUANTITIES]
        assert all(more >= less for more, less in zip(dearer, fees, strict=True))


def check_target_position(function: Callable[..., Any], params: Any) -> None:
    """Whole units, at most what is allowed or asked for already, and the mirrored action for the mirrored account."""
    discrete = hasattr(params.space(), "n")
    actions = range(params.space().n) if discrete else (-1.0, -0.31, 0.0, 0.5, 1.0)
    for account, mirrored in accounts():
        for action in actions:
            target = function(params, action, account)
            assert target == math.floor(target)
            assert abs(target) <= max(account["base_size"], abs(account["target"]))
            assert function(params, 2 - action if discrete else -action, mirrored) == -target


def check_asked_side(function: Callable[..., Any], params: Any) -> None:
    """One of three sides, the other one for the mirrored action and move."""
    discrete = hasattr(params.space(), "n")
    for action in range(params.space().n) if discrete else (-1.0, -0.31, 0.0, 0.5, 1.0):
        for move in (-100.0, 0.0, 1.0):
            side = function(params, action, move)
            assert side in (-1.0, 0.0, 1.0)
            assert function(params, 2 - action if discrete else -action, -move) == -side


def check_position_limit(function: Callable[..., Any], params: Any) -> None:
    """A number, not negative for an account that has money, the same for longs and shorts."""
    for account, mirrored in accounts():
        for bar in BARS:
            for multiplier in (0.1, 1.0, 50.0):
                limit = function(params, account, bar, multiplier, own_memory())
                assert not math.isnan(limit)
                assert limit >= 0.0 or account["nav"] < 0.0
                assert function(params, mirrored, bar, multiplier, own_memory()) == limit


def check_exit_reason(function: Callable[..., Any], params: Any) -> None:
    """One of the known codes, the same for longs and shorts."""
    for account, mirrored in accounts():
        for bar in BARS:
            code = function(params, account, bar)
            assert code in EXIT_REASONS
            reflected = bar._replace(high=2.0 * bar.close - bar.low, low=2.0 * bar.close - bar.high)
            mirrored["entry_price"] = 2.0 * bar.close - account["entry_price"]
            assert function(params, mirrored, reflected) == code


STEPS = [
    step_row(),
    step_row(nav_after=50_250.0, position=100.0, closed_usd=250.0, is_first_fill=True, recovered=True),
    step_row(nav_after=49_900.0, closed_usd=-90.0, changed=True, repeats=4, progress=0.25, typical_usd=800.0),
    step_row(nav_after=49_000.0, drawdown=0.02, position=-100.0, traded_usd=10_000.0),
    step_row(nav_before=20_000.0, nav_after=20_001.0, drawdown=0.6, traded_usd=80_000.0, ends=True, progress=1.0),
    step_row(nav_before=300.0, nav_after=-900.0, drawdown=1.018, traded_usd=50_000.0, position=100.0),
    step_row(nav_before=-900.0, nav_after=-400.0, drawdown=1.008, traded_usd=50_000.0, closed_usd=-50_400.0),
]


def check_reward_term(function: Callable[..., Any], params: Any) -> None:
    """Finite USD, twice as much when all USD are doubled, proportional to the weight, absent without it.

    All USD are those of the step and the parameters named `_usd`.
    """
    doubled = [
        StepRow(*(2.0 * v if n.endswith(("nav", "before", "after", "usd")) else v for n, v in step._asdict().items()))
        for step in STEPS
    ]
    dearer = params._replace(**{name: 2.0 * getattr(params, name) for name in params._fields if name.endswith("_usd")})
    usd = played(function, params, STEPS)
    assert all(map(math.isfinite, usd))
    assert all(
        math.isclose(more, 2.0 * once, rel_tol=1e-12)
        for more, once in zip(played(function, dearer, doubled), usd, strict=True)
    )
    weight = next((name for name in ("weight", "weight_bps", "penalty_bps", "bonus_bps", "penalty_lambda",
                                "risk_aversion") if name in params._fields), None)  # fmt: skip
    if weight is not None:
        heavy = params._replace(**{weight: 3.0 * getattr(params, weight)})
        assert all(
            math.isclose(more, 3.0 * once, rel_tol=1e-12)
            for more, once in zip(played(function, heavy, STEPS), usd, strict=True)
        )
        assert set(played(function, params._replace(**{weight: 0.0}), STEPS)) == {0.0}
    if type(params).__name__.endswith("Penalty"):
        assert max(usd) <= 0.0


def played(function: Callable[..., Any], params: Any, steps: list[StepRow]) -> list[float]:
    """Return what the term gives in an episode of these steps, again and again until windows are full."""
    memory, record = own_memory(), structs.pack(params)[0]
    return [function(record, step, memory) for _ in range(12) for step in steps]


LAWS: dict[str, Callable[[Callable[..., Any], Any], None]] = {
    "delay_bars": check_delay_bars,
    "half_spread": check_half_spread,
    "temporary_impact": check_temporary_impact,
    "impact_left": check_impact_left,
    "impact_kept": check_impact_kept,
    "filled_quantity": check_filled_quantity,
    "urgent_spreads": check_urgent_spreads,
    "carry_limit": check_carry_limit,
    "commission_usd": check_commission_usd,
    "target_position": check_target_position,
    "asked_side": check_asked_side,
    "position_limit": check_position_limit,
    "exit_reason": check_exit_reason,
    "reward_term": check_reward_term,
}
