"""The observation: market features of the closed bar, then the account's state in its units, by hand."""

import numpy as np
import pytest

from intraday_rl.core.errors import ConfigError, FeatureError, ParameterError
from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.observation import ACCOUNT_FEATURES, write_observation
from intraday_rl.env.risk.layers import OFF
from tests.support.full_rules import full_batch
from tests.support.rows import account_record, bar_row
from tests.support.tapes import SIX, make_execution, make_layout, make_rules, make_tape

UNITS = {"daily_loss_unit": 0.006, "drawdown_unit": 0.003}
FEATURES = np.array([0.5, -0.25], dtype=np.float32)


def layout(account=SIX, market=("first", "second"), **changes):
    return make_layout(market, account=account, **(UNITS | changes))


def observe(account, bar=None, account_features=SIX):
    chosen = layout(account_features)
    row = np.full(len(chosen.names), np.nan, dtype=np.float32)
    bar = bar_row(close=101.0, atr=0.5) if bar is None else bar
    write_observation(row, FEATURES, account_record(**account)[0], bar, chosen.pack(0)[0], make_execution().pack()[0])
    return row


LONG = {
    "position": 80.0,
    "base_size": 100.0,
    "entry_price": 100.5,
    "bars_held": 6,
    "nav": 50_060.0,
    "drawdown": 0.0015,
}


def test_observation_of_a_long_account():
    # 80 / 100; (101 - 100.5) / 0.5; 6 / 30; 60 / 50,000 / 0.006; 0.0015 / 0.003; no cooldown.
    np.testing.assert_allclose(observe(LONG), [0.5, -0.25, 0.8, 1.0, 0.2, 0.2, 0.5, 0.0], rtol=1e-6)


def test_observation_of_a_short_account():
    short = LONG | {"position": -80.0, "nav": 49_700.0}  # -300 / 50,000 / 0.006 = -1: the daily limit
    np.testing.assert_allclose(observe(short), [0.5, -0.25, -0.8, -1.0, 0.2, -1.0, 0.5, 0.0], rtol=1e-6)


def test_observation_of_a_flat_account_has_no_unrealised_profit():
    flat = {"position": 0.0, "nav": 50_000.0, "entry_price": 0.0}
    np.testing.assert_array_equal(observe(flat), [0.5, -0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(("position", "size", "expected"), [(150.0, 100.0, 1.0), (-5.0, 0.0, -1.0), (0.0, 0.0, 0.0)])
def test_observed_position_stays_inside_one(position, size, expected):
    assert observe(LONG | {"position": position, "base_size": size})[2] == expected


def test_observation_without_an_atr_has_no_unrealised_profit():
    assert observe(LONG, bar_row(close=101.0, atr=0.0))[3] == 0.0


def test_observed_columns_are_those_asked_for_in_that_order():
    chosen = ("session_pnl", "position")
    np.testing.assert_allclose(observe(LONG, account_features=chosen), [0.5, -0.25, 0.2, 0.8], rtol=1e-6)
    assert layout(chosen).names == ("first", "second", "session_pnl", "position")
    np.testing.assert_array_equal(observe(LONG, account_features=()), FEATURES)


def test_layout_space_is_float32_of_its_width():
    space = layout().space()
    assert (space.shape, space.dtype) == ((8,), np.float32)


def test_layout_fingerprint_changes_with_names_order_and_units():
    variants = [
        layout(),
        layout(("position",)),
        layout(SIX[::-1]),
        layout(daily_loss_unit=0.005),
        layout(drawdown_unit=0.005),
        layout(market=("second", "first")),
        layout(SIX[1:], market=("first", "second", "position")),
        layout(stacked=("first",)),
        layout(stacked=("second",)),
        layout(stacked=("second",), frames=2),
        layout(ACCOUNT_FEATURES),
        layout(ACCOUNT_FEATURES, slippage_budget_bps=3.0),
    ]
    assert len({variant.fingerprint for variant in variants}) == len(variants)
    assert layout().fingerprint == layout().fingerprint
    assert layout().fingerprint == layout(slippage_budget_bps=3.0).fingerprint  # nothing is measured in it


def test_layout_refuses_unknown_account_features():
    with pytest.raises(FeatureError, match=r"no account feature posision \(did you mean position\?\)"):
        layout(("posision",))


def test_layout_refuses_a_feature_named_twice():
    with pytest.raises((FeatureError, ParameterError), match="position"):
        layout(("position", "position"))


@pytest.mark.parametrize("name", list(UNITS))
def test_layout_refuses_units_that_are_not_positive(name):
    with pytest.raises(ParameterError, match=rf"observation\.{name} must be > 0"):
        layout(**{name: 0.0})


def session_tape():
    """Return eight bars; 100 units are bought at 100, the closes 100.30, 100.10, ... move the account from there."""
    closes = [100.0, 100.30, 100.10, 99.70, 99.70, 99.70, 99.70, 99.70]
    bars = [{"close": c, "open": o, "atr": 0.2} for c, o in zip(closes, [100.0, 100.0, *closes[1:-1]], strict=True)]
    return make_tape([bars])


def test_observation_follows_the_account_through_a_session():
    # 1 bp is 5 USD; both units are 0.6 % of 50,000 = 300 USD.
    batch = full_batch(session_tape())
    observations = batch.reset()
    np.testing.assert_allclose(observations[0], [0.0, 0.01, 0, 0, 0, 0, 0, 0], rtol=1e-6)
    expected = [
        # position, unrealised in ATR, bars held / 30, P&L / 300, drawdown / 300, cooldown
        [1.0, 1.5, 1 / 30, 30 / 300, 0 / 300, 0],
        [1.0, 0.5, 2 / 30, 10 / 300, 20 / 300, 0],
        [-1.0, 2.0, 1 / 30, 50 / 300, 0 / 300, 0],  # sold 200 at 100.10: the short is 0.40 ahead
        [0.0, 0.0, 0.0, 50 / 300, 0 / 300, 0],
    ]
    for t, (action, account) in enumerate(zip([BUY, BUY, SELL, HOLD], expected, strict=True), start=1):
        batch.step(np.array([action]), observations)
        np.testing.assert_allclose(observations[0, :2], [t * 0.02, t * 0.02 + 0.01], rtol=1e-6)
        np.testing.assert_allclose(observations[0, 2:], account, rtol=1e-5, atol=1e-7)


def test_last_observation_shows_the_account_as_it_ended():
    batch = full_batch(session_tape(), layers=OFF._replace(daily_loss=0.0001))
    observations = batch.reset()
    for action in (SELL, SELL):  # sold at 100, marked at 100.30: -30 USD; bought back at 100.30
        ended = batch.step(np.array([action]), observations)
    assert ended == 1
    np.testing.assert_allclose(batch.final_observations[0, 2:], [0, 0, 0, -30 / 300, 30 / 300, 0], rtol=1e-5)
    np.testing.assert_array_equal(observations[0, 2:], np.zeros(6))


def test_batch_refuses_a_tape_with_other_features():
    tape = session_tape()
    rules = make_rules(tape, layout=layout((), ("feature1", "feature0")))
    with pytest.raises(ConfigError, match="differ in name or order"):
        BatchEnv(tape, rules, np.array([0]), 1, 0)


def test_market_only_observation_is_the_tape():
    tape = session_tape()
    batch = full_batch(tape, layout=layout((), tape.feature_names))
    np.testing.assert_array_equal(batch.reset()[0], tape.features[0])
