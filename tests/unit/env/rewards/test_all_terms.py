"""All terms of all files of `conf/reward` in one environment, and whole sessions by hand that one of them pays for.

Capital is 50,000 USD, so 1 bp of reward is 5 USD. Orders move one side at a time (`DiscreteStep`). Terms are absent,
without weight, until a test gives them one; together they are one shape of the kernel, which is compiled once.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.app.compose import compose
from intraday_rl.app.planning.structs import build_group
from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.actions import BUY, HOLD, SELL, DiscreteStep
from intraday_rl.env.rewards import (
    ActionChangePenalty,
    BootstrapBonus,
    DrawdownPenalty,
    DrawdownPotential,
    LiteralTurnoverPenalty,
    RecoveryBonus,
    RepeatPenalty,
    RoundTripBonus,
    TurnoverPenalty,
    VolatilityPenalty,
    reward_term,
)
from intraday_rl.env.risk.layers import OFF
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, make_tape, random_tape
from tests.unit.env.rewards.spoilt import SpoiltPenalty, spoilt_penalty
from tests.unit.env.sessions.hand_market import hand_execution, hand_tape, play
from tests.unit.env.sessions.test_order_patterns import STEP

FILES = sorted(path.stem for path in (Path(__file__).resolve().parents[4] / "conf" / "reward").glob("*.yaml"))
WEIGHTS = ("weight_bps", "penalty_bps", "bonus_bps", "penalty_lambda", "lambda_start", "lambda_end", "risk_aversion")
NUM_ENVS = 4


@pytest.fixture(scope="module", autouse=True)
def _spoilt_term():
    """Register the spoilt term while this module runs: others walk the table and would miss its examples."""
    reward_term.model.implement(SpoiltPenalty)(spoilt_penalty)
    yield
    del reward_term.model.implementations[SpoiltPenalty]


@cache
def configured():
    """Return the terms of all files by name; of those that share a name, the literal one gets another."""
    terms = {}
    for name in FILES:
        for key, term in build_group("reward.terms", compose([f"reward={name}"])["reward"]["terms"]).items():
            terms["literal" if isinstance(term, LiteralTurnoverPenalty) else key] = term
    return terms


def absent(term):
    """Return the term without any weight."""
    nothing = {name: 0.0 for name in ("weight", *WEIGHTS) if name in term._fields}
    nothing |= {name: 1.0 for name in ("win_multiple", "loss_multiple") if name in term._fields}
    return term._replace(**nothing)


@cache
def neutral():
    """Return profit, and every other term without weight."""
    terms = {name: absent(term) for name, term in configured().items() if name != "profit"}
    return terms | {"profit": configured()["profit"], "spoilt": SpoiltPenalty(nan_bar=0, plus_bar=0, minus_bar=0)}


def batch_of(tape, num_envs=1, terms=None, **changes):
    return full_batch(tape, num_envs, actions=DiscreteStep(), terms=neutral() | (terms or {}), **changes)


def flat_tape(num_bars, sessions=1):
    return make_tape([[{"close": 100.0} for _ in range(num_bars)]] * sessions)


def part(batch, steps, name):
    """Return what a term came to in each step."""
    return [step["parts"][batch.term_names.index(name)] for step in steps]


def test_every_term_is_in_a_file_of_the_configuration():
    assert {type(term) for term in neutral().values()} == set(reward_term.model.implementations)


# --- the sum --------------------------------------------------------------------------------------------------------

TAPE = random_tape(num_sessions=4, minutes=40, num_features=2, seed=11)
BITING = {  # the configured terms, where a random account gets to feel them
    "drawdown": DrawdownPenalty(soft_drawdown=1e-3, lambda_start=1e5, lambda_end=1e6, ceiling=0.5),
    "volatility": VolatilityPenalty(penalty_lambda=0.1, target_sigma=1e-3),
    "recovery": RecoveryBonus(bonus_bps=0.5),
}
LAYERS = OFF._replace(soft_drawdown=1e-3, recovery=2e-4)


def rolled(terms, scale=1.0, steps=90, progress=0.1):
    """Return the batch and, of every step, rewards (S, N), parts (S, N, K), and infos of the episodes that ended."""
    execution = make_execution(**COSTLY)
    batch = batch_of(TAPE, NUM_ENVS, terms, execution=execution, reward_scale=scale, layers=LAYERS)
    batch.set_progress(progress)
    observations, rng = batch.reset(), np.random.default_rng(2)
    rewards, parts, infos = [], [], []
    for _ in range(steps):
        if batch.step(rng.integers(0, 3, NUM_ENVS), observations):
            infos += batch.episode_infos(np.flatnonzero(batch.terminated + batch.truncated))
        rewards.append(batch.rewards.copy())
        parts.append(batch.reward_parts.copy())
    return batch, np.array(rewards), np.array(parts), infos


@pytest.fixture(scope="module")
def unscaled():
    return rolled(configured() | BITING)


def test_random_accounts_feel_every_term(unscaled):
    batch, _, parts, _ = unscaled
    felt = dict(zip(batch.term_names, (parts != 0.0).any(axis=(0, 1)).tolist(), strict=True))
    assert felt == {name: name != "spoilt" for name in batch.term_names}


def test_parts_of_all_terms_sum_to_the_reward(unscaled):
    batch, rewards, parts, infos = unscaled
    sums = np.zeros(rewards.shape)
    for k in range(parts.shape[2]):
        sums += parts[:, :, k]
    np.testing.assert_array_equal(sums, rewards)
    assert len(infos) == 2 * NUM_ENVS
    for info in infos:
        assert tuple(info["episode_reward_parts"]) == batch.term_names
        assert sum(info["episode_reward_parts"].values()) == pytest.approx(info["episode"]["r"], abs=1e-9)
        net = info["session_return"] * 1e4
        assert info["episode_reward_parts"]["profit"] == pytest.approx(net, abs=1e-8)
        assert info["shaped_minus_true"] == pytest.approx(info["episode"]["r"] - net, abs=1e-8)


def test_without_weights_the_reward_is_the_change_of_nav_in_basis_points():
    _, rewards, parts, infos = rolled({})
    np.testing.assert_array_equal(np.delete(parts, 0, axis=2), 0.0)
    np.testing.assert_array_equal(parts[:, :, 0], rewards)
    assert len({info["session_return"] for info in infos}) > 4
    for info in infos:
        assert info["episode"]["r"] == pytest.approx(info["session_return"] * 1e4, abs=1e-8)
        assert info["shaped_minus_true"] == pytest.approx(0.0, abs=1e-8)
        assert (info["penalty"], info["penalty_frequency"]) == (0.0, 0.0)


@settings(max_examples=2 if JIT_DISABLED else 20, deadline=None)
@given(scale=st.floats(1e-4, 1e3))
def test_scaling_is_last_and_once(unscaled, scale):
    batch, rewards, parts, infos = unscaled
    other, scaled_rewards, scaled_parts, scaled_infos = rolled(configured() | BITING, scale)
    np.testing.assert_allclose(scaled_parts, scale * parts, rtol=1e-9, atol=1e-12 * scale)
    np.testing.assert_allclose(scaled_rewards, scale * rewards, rtol=1e-9, atol=1e-10 * scale)
    np.testing.assert_allclose(other.accounts["typical_usd"], batch.accounts["typical_usd"], rtol=1e-9)
    for info, unit in zip(scaled_infos, infos, strict=True):
        assert info["session_return"] == unit["session_return"]
        assert info["penalty_frequency"] == unit["penalty_frequency"]
        for name in ("penalty", "shaped_minus_true"):
            assert info[name] == pytest.approx(scale * unit[name], rel=1e-6, abs=1e-8 * scale)


# --- sessions by hand -----------------------------------------------------------------------------------------------


def test_orders_cost_what_fast_recovery_says():
    # The session of `test_order_patterns` at 100: a change costs 0.35, the k-th order of a row (k - 2) * 0.014.
    names = ("action_change", "repeat", "bootstrap")
    batch = batch_of(flat_tape(len(STEP) + 2), terms={name: configured()[name] for name in names}, reward_scale=0.07)
    steps = play(batch, [row[0] for row in STEP])
    changes, repeats = [row[2] for row in STEP], [row[3] for row in STEP]
    assert part(batch, steps, "action_change") == pytest.approx([-0.35 * change for change in changes], rel=1e-12)
    assert part(batch, steps, "repeat") == pytest.approx([-0.014 * max(0, k - 2) for k in repeats], rel=1e-12)
    assert part(batch, steps, "bootstrap") == pytest.approx([0.0, 0.0007] + [0.0] * 14, rel=1e-12)
    info = batch.episode_infos(np.array([0]))[0]
    # Six changes; two third orders and a fourth one: 2.10 + 0.014 + 0.028 + 0.014 in nine of sixteen bars.
    assert (info["penalty"], info["penalty_frequency"]) == (pytest.approx(2.156 / 16, rel=1e-9), 9 / 16)
    assert info["shaped_minus_true"] == pytest.approx(0.0007 - 2.156, rel=1e-9)


def test_first_fill_is_paid_when_it_is_filled_and_once_an_episode():
    # Nothing trades in row 1: the order of row 0 is filled in row 2, and the next session begins anew.
    bars = [{"close": 100.0, "traded": float(i != 1)} for i in range(6)]
    batch = batch_of(make_tape([bars]), terms={"bootstrap": BootstrapBonus(0.01)})
    steps = play(batch, [BUY, HOLD, SELL, HOLD, BUY, HOLD, HOLD])
    assert [step["position"] for step in steps] == [0, 100, 0, 0, 0, 100, 100]
    assert part(batch, steps, "bootstrap") == pytest.approx([0, 0.01, 0, 0, 0, 0.01, 0], rel=1e-12)


def test_round_trips_are_paid_by_progress():
    # `test_discrete_step`: trips of +14 and -6 USD, net 8. At a quarter of half the training 4.5 * 14 = 63 and -1.5.
    for progress, gain, loss in ((0.0, 126.0, -3.0), (0.25, 63.0, -1.5), (0.5, 0.0, 0.0)):
        batch = batch_of(hand_tape(), terms={"round_trips": RoundTripBonus(10.0, 1.5, 0.5)}, execution=hand_execution())
        batch.set_progress(progress)
        steps = play(batch, [BUY, BUY, SELL, SELL, HOLD, HOLD])
        expected = [0.0, 0.0, gain / 5.0, 0.0, 0.0, loss / 5.0]
        assert part(batch, steps, "round_trips") == pytest.approx(expected, abs=1e-8)
        info = batch.episode_infos(np.array([0]))[0]
        assert info["episode"]["r"] == pytest.approx((8.0 + gain + loss) / 5.0, abs=1e-8)
        assert info["shaped_minus_true"] == pytest.approx((gain + loss) / 5.0, abs=1e-8)
        assert info["penalty"] == 0.0  # a bonus on a loss is no penalty


def test_infos_tell_of_turnover_and_its_price():
    # The same session trades 10,012, 10,028, 10,048 and 10,052 USD. One bar's excess is then about 0.18, beyond the
    # pivot: 0.0025 (traded / NAV - 0.03) of NAV.
    params = TurnoverPenalty(weight=5e-5, limit=0.02, linear_slope_mul=50.0)
    batch = batch_of(hand_tape(), terms={"turnover": params}, execution=hand_execution())
    play(batch, [BUY, BUY, SELL, SELL, HOLD, HOLD])
    fills = [(10_012, 50_000), (10_028, 50_007), (10_048, 50_014), (10_052, 50_021)]
    info = batch.episode_infos(np.array([0]))[0]
    assert info["turnover_ratio"] == pytest.approx(sum(usd / nav for usd, nav in fills) / 6, rel=1e-9)
    cost = sum(0.0025 * (usd - 0.03 * nav) for usd, nav in fills) / 5.0
    assert (info["penalty"], info["penalty_frequency"]) == (pytest.approx(cost / 6, rel=1e-9), 4 / 6)
    assert info["shaped_minus_true"] == pytest.approx(-cost, rel=1e-9)


def falling_tape(closes, sessions=1):
    return make_tape([[{"close": close} for close in closes]] * sessions)


def test_recovery_is_paid_when_the_purgatory_is_left():
    # 100 units: 100 USD down is the soft layer, the low is 150 down, 50 above it the purgatory is left.
    tape = falling_tape([100.0, 100.0, 99.0, 98.5, 98.9, 99.0, 98.5, 98.5, 98.5, 98.5])
    layers = OFF._replace(soft_drawdown=0.002, recovery=0.001)
    terms = {"recovery": RecoveryBonus(0.01), "potential": DrawdownPotential(weight=1.0, discount=1.0)}
    batch = batch_of(tape, terms=terms, layers=layers)
    steps = play(batch, [BUY] + [HOLD] * 7)
    assert part(batch, steps, "recovery") == pytest.approx([0, 0, 0, 0, 0.01, 0, 0, 0], abs=1e-12)
    # Drawdown is 0, 100, 150, 110, then from the new peak 0, 50, 50; the session ends with the last bar.
    assert part(batch, steps, "potential") == pytest.approx([0, -20, -10, 8, 22, -10, 0, 10], abs=1e-9)
    info = batch.episode_infos(np.array([0]))[0]
    assert info["baseline_resets"] == 1
    assert info["episode_reward_parts"]["potential"] == pytest.approx(0.0, abs=1e-9)


def test_drawdown_penalty_of_an_episode_has_a_ceiling_once_there_is_a_size_to_measure_by():
    # 100 units lose 200 USD: 0.003 beyond the soft drawdown in three bars, 1e6 * 9e-6 = 9 bp, 45 USD each.
    # First episode: -200 - 135 = -335 USD. Second: 5 % of 335 = 16.75, then nothing: -216.75. Third: of the mean.
    penalty = DrawdownPenalty(soft_drawdown=0.001, lambda_start=0.0, lambda_end=1e6, ceiling=0.05)
    tape = falling_tape([100.0, 100.0, 98.0, 98.0, 98.0, 98.0])
    batch = batch_of(tape, terms={"drawdown": penalty}, reward_scale=0.07)
    steps = play(batch, ([BUY] + [HOLD] * 3) * 3)
    third = 0.05 * (335.0 + 216.75) / 2.0
    usd = [0, 45, 45, 45, 0, 16.75, 0, 0, 0, third, 0, 0]
    assert part(batch, steps, "drawdown") == pytest.approx([-0.07 * value / 5.0 for value in usd], abs=1e-9)


def test_lambda_follows_the_progress_that_is_told():
    penalty = DrawdownPenalty(soft_drawdown=0.001, lambda_start=0.0, lambda_end=1e6, ceiling=1.0)
    batch = batch_of(falling_tape([100.0, 100.0, 98.0, 98.0, 98.0, 98.0]), terms={"drawdown": penalty})
    observations, charged = batch.reset(), []
    for action, progress in ((BUY, 0.0), (HOLD, 0.25), (HOLD, 0.5), (HOLD, 1.0)):
        batch.set_progress(progress)
        batch.step(np.array([action]), observations)
        charged.append(-batch.reward_parts[0, batch.term_names.index("drawdown")])
    assert charged == pytest.approx([0.0, 2.25, 4.5, 9.0], rel=1e-9)


def test_volatility_of_an_account_is_numpy_s():
    params = VolatilityPenalty(penalty_lambda=0.01, target_sigma=1e-3)
    batch = batch_of(random_tape(2, 50, 2, seed=3), terms={"volatility": params})
    for session in range(2):  # the second begins with what the first left in the window
        batch.assign(np.array([session]), np.array([0]))
        steps = play(batch, [BUY] + [HOLD] * 47)
        navs = np.array([50_000.0] + [step["nav"] for step in steps])
        returns = navs[1:] / navs[:-1] - 1.0
        sigma = [np.std(returns[t - 29 : t + 1], ddof=1) * np.sqrt(252 * 390) for t in range(29, 48)]
        expected = np.r_[np.zeros(29), -0.01 * (np.array(sigma) - 1e-3) * navs[30:] / 5.0]
        np.testing.assert_allclose(part(batch, steps, "volatility"), expected, rtol=1e-8, atol=1e-12)


# --- terms that are no number ---------------------------------------------------------------------------------------


def test_term_that_is_no_number_counts_as_nothing_and_is_counted():
    tape = falling_tape([100.0, 100.0, 101.0, 103.0, 104.0, 106.0, 106.0])
    spoilt = SpoiltPenalty(nan_bar=2, plus_bar=3, minus_bar=5)
    batch = batch_of(tape, terms={"spoilt": spoilt}, reward_scale=0.5)
    steps = play(batch, [BUY] + [HOLD] * 4)
    assert part(batch, steps, "spoilt") == [0.0] * 5
    assert [step["reward"] for step in steps] == pytest.approx([0.0, 10.0, 20.0, 10.0, 20.0], rel=1e-12)
    assert [step["replaced"] for step in steps] == [0, 1, 2, 2, 3]
    info = batch.episode_infos(np.array([0]))[0]
    assert (info["episode"]["r"], info["penalty"]) == (pytest.approx(60.0), 0.0)
    assert batch.replaced == 3


def test_replaced_rewards_are_counted_over_accounts_and_episodes():
    batch = batch_of(flat_tape(5), 3, {"spoilt": SpoiltPenalty(nan_bar=1, plus_bar=0, minus_bar=0)})
    observations, counts = batch.reset(), []
    for _ in range(7):
        batch.step(np.full(3, HOLD), observations)
        counts.append(batch.replaced)
    assert counts == [3, 3, 3, 6, 6, 6, 9]  # in the first bar of each episode of three
    assert np.isfinite(batch.rewards).all()


# --- changes on the way ---------------------------------------------------------------------------------------------


def test_parameter_of_any_term_may_be_changed_on_the_way():
    batch = batch_of(flat_tape(10), terms={"action_change": ActionChangePenalty(5.0), "repeat": RepeatPenalty(0.2)})
    observations, rewards = batch.reset(), []
    batch.set_progress(0.25)
    for action in (BUY, SELL, BUY, BUY, BUY):
        batch.step(np.array([action]), observations)
        rewards.append(batch.rewards.item())
        batch.set_parameter("terms.action_change.penalty_bps", 2.0)
        batch.set_parameter("terms.repeat.penalty_bps", 3.0)
    assert rewards == pytest.approx([0.0, -2.0, -2.0, 0.0, -3.0], rel=1e-12)
    assert batch.rules.terms["action_change"] == ActionChangePenalty(2.0)
    assert batch._rules["unit"]["progress"].tolist() == [0.25]
