"""The files of conf/risk: which rules they hold, and what is refused of a command line before anything is loaded."""

import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.command_line.groups import list_groups
from intraday_rl.app.compose import compose
from intraday_rl.core.errors import IntradayError
from intraday_rl.env.risk import (
    Cooldown,
    EventBlackout,
    FlatBeforeClose,
    HoldingLimit,
    InverseVolatility,
    KellyFraction,
    LiteralKelly,
    MarketTimeLimit,
    MaxRoundTrips,
    TradeStop,
    VolatilityBudget,
)
from intraday_rl.env.risk.layers import OFF


def risk_of(*overrides):
    return build_plan(compose(overrides)).rules.risk


LAYERS = {
    "standard": OFF._replace(breach_bars=60, halt_on_breach=True, daily_loss=0.0048),
    "units_only": OFF._replace(breach_bars=60, halt_on_breach=True),
    "trader": OFF._replace(breach_bars=60, halt_on_breach=True, daily_loss=0.0048),
    "phase1": OFF._replace(breach_bars=60, daily_drawdown=0.5),
    "phase3": OFF._replace(breach_bars=60, daily_drawdown=0.05, halt_on_breach=True),
    "lenient": OFF._replace(breach_bars=100, daily_drawdown=0.05, halt_on_breach=True),
    "phase5": OFF._replace(breach_bars=60, daily_drawdown=0.05, halt_on_breach=True),
    "fast_recovery": OFF._replace(
        breach_bars=60, halt_on_breach=True, soft_drawdown=0.03, recovery=0.03, hard_drawdown=0.04
    ),
    "inverse_volatility": OFF._replace(breach_bars=60, halt_on_breach=True, daily_loss=0.0048),
    "literal_kelly": OFF._replace(breach_bars=60, halt_on_breach=True, daily_loss=0.0048),
    "tiny_live": OFF._replace(breach_bars=60, halt_on_breach=True, daily_loss=0.0075),
}
TRADER = {"cooldown": Cooldown(10), "round_trips": MaxRoundTrips(20), "blackout": EventBlackout()}
KELLY = {"kelly": KellyFraction(0.25, 1.0, 60), "volatility_budget": VolatilityBudget(0.04)}
ENTRIES = {
    "trader": TRADER,
    "tiny_live": TRADER,
    "phase5": TRADER | KELLY,
    "fast_recovery": {"cooldown": Cooldown(10)},
    "inverse_volatility": {"inverse_volatility": InverseVolatility(100, 300)},
    "literal_kelly": {"kelly": LiteralKelly(0.25, 1.0)},
}
TRADER_EXITS = {"stop": TradeStop(1.0), "holding": HoldingLimit(30), "market_time": MarketTimeLimit(180)}


@pytest.mark.slow
@pytest.mark.parametrize("name", list_groups()["risk"])
def test_preset_holds_the_documents_rules(name):
    risk = risk_of(f"risk={name}", "market.execution.commission.order_minimum_usd=0.01")
    assert (risk.layers, risk.entries) == (LAYERS[name], ENTRIES.get(name, {}))
    assert risk.layers.warnings() == []
    exits = TRADER_EXITS if name in ("trader", "tiny_live", "phase5") else {}
    assert risk.exits == {"session_close": FlatBeforeClose(5), **exits}
    assert risk.use_risk_wrapper


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["risk=tiny_live", "env.initial_capital_usd=1000"],
         "risk.commission_share_max: 20 round trips at 1 USD an order cost 40 USD, more than 0.25 of the daily loss of "
         "7.5 USD; allow fewer round trips, trade more capital, or choose a broker without an order minimum"),
        (["risk=fast_recovery", "risk.layers.hard_drawdown=0.03"],
         "risk.layers: RiskLayers.soft_drawdown must be < hard_drawdown (0.03 of session-start NAV), was 0.03; switch "
         "one off with null"),
        (["risk=phase3", "risk.layers.hard_drawdown=0.06"],
         "risk.layers: RiskLayers.hard_drawdown must be <= daily_drawdown (0.05 of session-start NAV), was 0.06; "
         "switch one off with null"),
        (["risk=trader", "risk.entries.cooldown.bars=-1"],
         "risk.entries.cooldown: Cooldown.bars must be >= 0 (bars), was -1"),
        (["~risk.exits.session_close"], "risk.exits must name at least one rule, was empty"),
        (["risk=trader", "~risk.exits.session_close"],
         "risk.exits must hold a FlatBeforeClose rule: sessions end flat"),
        (["risk=trader", "risk.commission_share_max=0"],
         "risk: risk.commission_share_max must be in (0, 1] (of the daily loss), was 0.0"),
        (["risk=standard", "risk.commission_share_max=0.25"],
         "risk.commission_share_max needs a MaxRoundTrips rule in risk.entries and a risk.layers.daily_loss"),
    ],
)  # fmt: skip
def test_command_line_that_breaks_a_law_is_refused_in_one_line(overrides, message):
    with pytest.raises(IntradayError) as refused:
        risk_of(*overrides)
    assert str(refused.value) == message


def test_wrapper_is_true_or_false():
    assert not risk_of("risk.use_risk_wrapper=false").use_risk_wrapper
    with pytest.raises(IntradayError, match=r"risk\.use_risk_wrapper must be true or false"):
        risk_of("risk.use_risk_wrapper=perhaps")
