"""Rollouts: three sessions by hand, and what a session's result may depend on."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.core.errors import IntradayError, ParameterError
from intraday_rl.env.actions import BUY, HOLD, Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import noise_cursors
from intraday_rl.env.risk import MaxNotional, MaxUnits
from intraday_rl.env.risk.base import SESSION_CLOSE
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.rollout import roll_out
from tests.support.policies import RecordingPolicy, RowPolicy, ScriptedPolicy
from tests.support.tapes import COSTLY, make_execution, make_tape, random_tape
from tests.unit.evaluation.hand_sessions import full_rules, hand_recording, hand_rules, hand_tape

RECORDED = ("nav", "cash", "position", "fills", "closing")
MAPS = [DiscreteStep(), DiscreteTarget(), Continuous()]


@pytest.fixture(scope="module")
def by_hand():
    return hand_recording()


@pytest.fixture(scope="module")
def noisy_tape():
    return random_tape(num_sessions=6, minutes=60)


def costly_rules(tape, actions=None):
    limits = {"units": MaxUnits(units=300), "notional": MaxNotional(nav_multiple=0.5)}
    return full_rules(tape, execution=make_execution(**COSTLY), actions=actions or DiscreteTarget(), limits=limits)


def row_policy(rules):
    return RowPolicy(len(rules.layout.names), continuous=isinstance(rules.actions, Continuous))


def column(recording, session, name):
    """Return what one session recorded under the name, cut to its length."""
    n = list(recording.sessions).index(session)
    return getattr(recording, name)[: recording.length[n], n]


def content(array):
    """Return the bytes of an array, of records field by field: what lies between fields has no meaning."""
    names = array.dtype.names
    return array.tobytes() if names is None else b"".join(array[name].tobytes() for name in names)


def assert_equal_sessions(left, right, sessions):
    for session in sessions:
        for name in RECORDED:
            assert content(column(left, session, name)) == content(column(right, session, name)), (session, name)


# --- by hand -----------------------------------------------------------------------------------------------------


def test_rollout_reversal_by_hand(by_hand):
    assert column(by_hand, 0, "cash") == pytest.approx([39_987, 39_987, 60_042, 60_042, 60_042, 49_989], abs=1e-8)
    assert column(by_hand, 0, "nav") == pytest.approx([50_017, 50_007, 49_992, 49_992, 50_002, 49_989], abs=1e-8)
    assert list(column(by_hand, 0, "position")) == [100, 100, -100, -100, -100, 0]
    assert list(column(by_hand, 0, "closing")) == [0, 0, 0, 0, 0, SESSION_CLOSE]


def test_rollout_partial_fills_by_hand(by_hand):
    cash = [37_991.8, 29_978.0, 29_978.0, 43_975.6, 49_971.0, 49_971.0]
    assert column(by_hand, 1, "cash") == pytest.approx(cash, abs=1e-8)
    nav = [50_003.8, 50_018.0, 49_988.0, 49_972.6, 49_971.0, 49_971.0]
    assert column(by_hand, 1, "nav") == pytest.approx(nav, abs=1e-8)
    assert list(column(by_hand, 1, "position")) == [60, 100, 100, 30, 0, 0]
    assert list(column(by_hand, 1, "fills")["quantity"]) == [60, 40, 0, -70, -30, 0]


def test_rollout_session_that_the_data_leave_open(by_hand):
    assert column(by_hand, 2, "nav") == pytest.approx([50_007, 50_017, 50_027] + [50_017] * 4, abs=1e-8)
    assert list(column(by_hand, 2, "position")) == [100] * 7
    final = by_hand.final[2]
    assert (final["terminated"], final["truncated"], final["position"]) == (0, 1, 100)


def test_rollout_lengths_are_those_of_the_sessions(by_hand):
    assert list(by_hand.length) == [6, 6, 7]
    assert list(by_hand.first_bar) == [0, 8, 16]
    for name in ("nav", "cash", "position"):
        recorded = ~np.isnan(getattr(by_hand, name))
        assert list(recorded.sum(axis=0)) == [6, 6, 7]


def test_rollout_records_nothing_after_a_session_ended(by_hand):
    after_end = np.arange(len(by_hand.nav))[:, None] >= by_hand.length
    assert after_end.sum() == 2  # rows 6 of sessions 0 and 1, where their accounts already trade the session again
    assert not by_hand.fills["quantity"][after_end].any()
    assert not by_hand.fills["ordered"][after_end].any()


# --- what a result depends on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", MAPS, ids=lambda a: type(a).__name__)
def test_rollout_session_does_not_depend_on_the_sessions_beside_it(noisy_tape, actions):
    rules = costly_rules(noisy_tape, actions)
    policy = row_policy(rules)
    together = roll_out(noisy_tape, rules, np.arange(6), policy, seed=3)
    assert (together.fills["quantity"] != 0).sum() > 30
    for chosen in ([4], [1, 5], [5, 0, 3]):
        apart = roll_out(noisy_tape, rules, np.array(chosen), policy, seed=3)
        assert_equal_sessions(together, apart, chosen)


def test_rollout_comparison_sees_another_latency(noisy_tape):
    rules = costly_rules(noisy_tape)
    policy = row_policy(rules)
    left, right = (roll_out(noisy_tape, rules, np.arange(6), policy, seed) for seed in (3, 4))
    with pytest.raises(AssertionError):
        assert_equal_sessions(left, right, range(6))


def test_rollout_twice_gives_equal_bytes(noisy_tape):
    rules = costly_rules(noisy_tape)
    first, second = (roll_out(noisy_tape, rules, np.arange(6), row_policy(rules), seed=3) for _ in range(2))
    for name in (*RECORDED, "first_bar", "length", "final"):
        assert content(getattr(first, name)) == content(getattr(second, name)), name


def test_rollout_noise_belongs_to_the_date(noisy_tape):
    """The third day judged from a tape that begins there: the same cursor, hence the same fills."""
    rules = costly_rules(noisy_tape)
    first = int(noisy_tape.first_row[2])
    later = replace(
        noisy_tape,
        rows=noisy_tape.rows[first:],
        features=noisy_tape.features[first:],
        first_row=noisy_tape.first_row[2:] - first,
        last_row=noisy_tape.last_row[2:] - first,
        dates=noisy_tape.dates[2:],
        symbol_of=noisy_tape.symbol_of[2:],
        end_ns=noisy_tape.end_ns[first:],
    )
    whole = roll_out(noisy_tape, rules, np.array([2, 3]), row_policy(rules), seed=3)
    cut = roll_out(later, rules, np.array([0, 1]), row_policy(rules), seed=3)
    for name in RECORDED:
        assert content(getattr(whole, name)) == content(getattr(cut, name)), name


def test_noise_cursors_differ_from_day_to_day_and_stay_inside(noisy_tape):
    years = replace(
        noisy_tape,
        dates=np.datetime64("2000-01-03") + np.arange(3_000),
        symbol_of=np.zeros(3_000, dtype=np.int64),
        first_row=np.zeros(3_000, dtype=np.int64),
        last_row=np.ones(3_000, dtype=np.int64),
    )
    cursors = noise_cursors(years, np.arange(3_000))
    assert cursors.min() >= 0
    assert len(np.unique(cursors)) == 3_000


@pytest.mark.parametrize("frames", [1, 4])
def test_rollout_equals_one_account_stepped_alone(noisy_tape, frames):
    """The same session, played bar by bar on an engine of one account, comes to the same NAV."""
    rules = costly_rules(noisy_tape)
    rules = replace(rules, layout=replace(rules.layout, stacked=("feature3", "position"), frames=frames))
    policy = row_policy(rules)
    recording = roll_out(noisy_tape, rules, np.arange(6), policy, seed=3)
    session = np.array([4])
    alone = BatchEnv(noisy_tape, rules, session, 1, seed=3)
    alone.assign(session, noise_cursors(noisy_tape, session))
    observations = alone.reset()
    for step in range(int(recording.length[4])):
        ended = alone.step(policy.predict(observations)[0], observations)
        account = alone.finished[0] if ended else alone.accounts[0]
        assert account["nav"] == recording.nav[step, 4]
        assert content(alone.fills[:1]) == content(recording.fills[step, 4:5])
    assert ended == 1


def test_rollout_hands_the_state_back_and_marks_starts(by_hand):
    tape = hand_tape()
    policy = RecordingPolicy(ScriptedPolicy([BUY], [BUY], [BUY]))
    roll_out(tape, hand_rules(tape), np.arange(3), policy, seed=0)
    starts = np.array(policy.starts)
    assert starts[0].all()
    assert not starts[1:6].any()
    assert list(starts[6]) == [True, True, False]  # sessions 0 and 1 are over, session 2 runs on


@pytest.mark.parametrize("actions", MAPS, ids=lambda a: type(a).__name__)
def test_rollout_without_costs_earns_what_prices_moved(actions):
    """D3.3: buy and hold on a free market earns q (P_T - P_0), fills at the next open."""
    prices = [100.0, 100.5, 99.0, 101.25, 103.0, 102.0, 102.0, 102.0]
    bars = [{"close": c, "open": prices[max(i - 1, 0)]} for i, c in enumerate(prices)]
    tape = make_tape([bars])
    rules = full_rules(tape, actions=actions)
    recording = roll_out(
        tape, rules, np.array([0]), ScriptedPolicy([1.0 if isinstance(actions, Continuous) else BUY]), 0
    )
    # bought at the open of row 1 = 100.00, sold at the open of row 6 = close of row 5 = 102.00
    assert recording.final["nav"][0] == pytest.approx(50_000 + 100 * 2.0, abs=1e-9)


@pytest.mark.parametrize("part", ["spread", "commission"])
def test_rollout_higher_costs_never_earn_more(noisy_tape, part):
    """D3.6: the same decisions under a higher cost come to less, or to the same."""
    rng = np.random.default_rng(1)
    script = ScriptedPolicy(*rng.integers(0, 3, size=(6, 60)))
    dearer = {
        "spread": COSTLY["spread"]._replace(base_spread=0.03),
        "commission": COSTLY["commission"]._replace(order_minimum_usd=2.5),
    }
    results = []
    for execution in (make_execution(**COSTLY), make_execution(**(COSTLY | {part: dearer[part]}))):
        rules = full_rules(noisy_tape, execution=execution)
        results.append(roll_out(noisy_tape, rules, np.arange(6), script, seed=3).final["nav"])
    assert (results[1] < results[0]).all()


# --- which sessions -------------------------------------------------------------------------------------------------


def test_rollout_leaves_out_sessions_without_a_decision(noisy_tape):
    first = noisy_tape.first_row.copy()
    first[0], first[2] = -1, noisy_tape.last_row[2]
    tape = replace(noisy_tape, first_row=first)
    rules = costly_rules(tape)
    assert list(roll_out(tape, rules, np.arange(4), row_policy(rules), seed=0).sessions) == [1, 3]


def test_rollout_without_a_usable_session_is_refused(noisy_tape):
    tape = replace(noisy_tape, first_row=np.full(6, -1))
    rules = costly_rules(tape)
    for sessions in (np.arange(6), np.empty(0, dtype=np.int64)):
        with pytest.raises(ParameterError, match="usable sessions"):
            roll_out(tape, rules, sessions, row_policy(rules), seed=0)


def test_rollout_sessions_of_unequal_length():
    bars = [{"close": 100.0 + i} for i in range(12)]
    tape = make_tape([bars[:5], bars, bars[:3]])
    recording = roll_out(tape, full_rules(tape), np.arange(3), ScriptedPolicy(*[[HOLD]] * 3), seed=0)
    assert list(recording.length) == [3, 10, 1]  # flat one minute before the close: the last row is never reached
    assert len(build_ledger(recording).bars) == 14


class FixedActions:
    """Gives the same actions at every decision, whatever is asked."""

    def __init__(self, *actions):
        self.actions = np.array(actions)

    def predict(self, observation, state=None, episode_start=None):
        return self.actions, state


@pytest.mark.parametrize(
    ("actions", "given"),
    [
        (DiscreteTarget(), (BUY, 3)),
        (DiscreteTarget(), (-1, HOLD)),
        (DiscreteTarget(), (1.5, HOLD)),
        (Continuous(), (0.0, np.nan)),
        (Continuous(), (1.0001, 0.0)),
        (Continuous(), (0.0, -np.inf)),
        (DiscreteTarget(), (BUY,)),
        (DiscreteTarget(), (BUY, BUY, BUY)),
    ],
)
def test_rollout_refuses_actions_outside_the_action_space(noisy_tape, actions, given):
    """A network that diverged, or one for another action map, is not judged as if it had traded."""
    with pytest.raises(IntradayError, match="action"):
        roll_out(noisy_tape, costly_rules(noisy_tape, actions), np.arange(2), FixedActions(*given), seed=0)
