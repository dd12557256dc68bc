"""Several symbols in one batch: each is traded under its own costs, and in the order that was asked for."""

import numpy as np
import pytest

from intraday_rl.core.errors import ConfigError, ParameterError
from intraday_rl.env.actions import BUY
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import RandomEpisodes, episode_rows
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.rows import Contract
from intraday_rl.market.tape import join_tapes
from tests.support.exact import assert_same_bits
from tests.support.full_rules import EXITS, LIMITS, TERMS, full_batch
from tests.support.tapes import COSTLY, make_execution, make_rules, make_tape, of_symbol, random_tape

BARS = 5
FUTURE = make_execution(contract=Contract(5.0), commission=PerUnitCommission(0.62, 0.0, 1.0))


def quiet(symbol, num_sessions):
    return of_symbol(make_tape([[{"close": 100.0 + i} for i in range(BARS)]] * num_sessions), symbol)


def three_symbols():
    """AAA in 4 sessions, BBB in 2, CCC in 3: sessions 0 A, 1 B, 2 C, 3 A, 4 B, 5 C, 6 A, 7 C, 8 A."""
    return join_tapes([quiet("AAA", 4), quiet("BBB", 2), quiet("CCC", 3)])


def drawn(tape, order, account=0, num_envs=1, draws=2, seed=5):
    """Return the sessions that an account is given in turn."""
    episodes = RandomEpisodes(tape, np.arange(len(tape.dates)), seed, num_envs, order)
    last = np.concatenate([episodes.draw(account)["last_bar"] for _ in range(draws)])
    return [tape.session_of(int(row)) for row in last]


# --- which symbol next ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["mixed", "sequential"])
def test_every_session_of_every_symbol_is_met_once_before_any_twice(order):
    met = drawn(three_symbols(), order)
    for start in range(0, 126, 9):
        assert sorted(met[start : start + 9]) == list(range(9))
    assert met[:9] != met[9:18]


def test_mixed_order_switches_the_symbol_from_episode_to_episode():
    tape = three_symbols()
    symbols = tape.symbol_of[drawn(tape, "mixed")]
    assert {tuple(sorted(set(symbols[start : start + 9].tolist()))) for start in range(0, 126, 9)} == {(0, 1, 2)}
    assert (np.diff(symbols) != 0).mean() > 0.5


def test_sequential_order_finishes_one_symbol_before_the_next():
    tape = three_symbols()
    symbols = tape.symbol_of[drawn(tape, "sequential")]
    assert symbols[:126].reshape(14, 9).tolist() == [[0, 0, 0, 0, 1, 1, 2, 2, 2]] * 14


@pytest.mark.parametrize("order", ["mixed", "sequential"])
def test_episodes_of_an_account_do_not_depend_on_the_others(order):
    tape = three_symbols()
    for account in (0, 2):
        assert drawn(tape, order, account, num_envs=3) == drawn(tape, order, account, num_envs=64)
    assert drawn(tape, order, 0, num_envs=3) != drawn(tape, order, 2, num_envs=3)


def test_orders_are_one_for_one_symbol():
    assert drawn(quiet("AAA", 7), "mixed") == drawn(quiet("AAA", 7), "sequential")


def test_order_is_one_of_three():
    orders = "mixed, sequential, weighted"
    with pytest.raises(ParameterError, match=rf"env\.episode_order must be one of {orders}, was 'shuffled'"):
        make_rules(quiet("AAA", 1), episode_order="shuffled")


def test_batch_follows_the_order_of_its_rules():
    tape = three_symbols()
    batch = full_batch(tape, 2, episode_order="sequential")
    observations, met = batch.reset(), [[], []]
    while len(met[0]) < 18:
        met = [[*seen, int(k)] for seen, k in zip(met, batch.accounts["symbol"], strict=True)]
        while not batch.step(np.ones(2), observations):
            pass
    assert met == [[0, 0, 0, 0, 1, 1, 2, 2, 2] * 2] * 2


def test_episode_rows_name_the_symbol():
    tape = three_symbols()
    assert episode_rows(tape, np.array([8, 1, 5]), np.zeros(3, dtype=np.int64))["symbol"].tolist() == [0, 1, 2]


def test_episode_info_names_the_symbol():
    batch = full_batch(three_symbols(), 3)
    batch.assign(np.array([1, 2, 3]), np.zeros(3, dtype=np.int64))
    observations = batch.reset()
    while not batch.step(np.ones(3), observations):
        pass
    infos = batch.episode_infos(np.arange(3))
    assert [(info["symbol"], info["session"]) for info in infos] == [
        ("BBB", "2024-01-02"),
        ("CCC", "2024-01-02"),
        ("AAA", "2024-01-03"),
    ]


# --- costs of their own ---------------------------------------------------------------------------------------------


def test_each_symbol_trades_under_its_own_execution():
    """100 shares at 101 for nothing; 100 contracts of 5 USD a point at 0.62 each, marked one point higher."""
    tape = join_tapes([quiet("AAA", 1), quiet("MES", 1)])
    batch = full_batch(tape, 2, executions={"MES": FUTURE})
    batch.assign(np.array([0, 1]), np.zeros(2, dtype=np.int64))
    observations = batch.reset()
    batch.step(np.full(2, BUY), observations)  # bought at the open of the second bar, 101
    batch.step(np.full(2, BUY), observations)  # closes at 102
    assert batch.accounts["position"].tolist() == [100, 100]
    assert batch.accounts["nav"].tolist() == pytest.approx([50_000 + 100, 50_000 + 100 * 5 - 62], abs=1e-9)
    assert batch.accounts["traded_notional"].tolist() == pytest.approx([10_100, 50_500], abs=1e-9)


def test_rules_are_packed_in_the_order_of_the_symbols():
    rules = make_rules(quiet("AAA", 1), executions={"MES": FUTURE})
    for symbols in (("MES", "AAA"), ("AAA", "MES", "BBB"), ("MES",), ("AAA",)):
        packed = rules.pack(symbols)
        expected = [5.0 if symbol == "MES" else 1.0 for symbol in symbols]
        assert packed["execution"]["contract"]["multiplier"].tolist() == expected
        assert packed["unit"]["capital_usd"].tolist() == [50_000.0] * len(symbols)
    assert rules.execution_of("MES") is FUTURE
    assert rules.execution_of("AAA") is rules.execution


def test_account_that_changes_symbol_trades_as_one_that_never_did():
    """An account goes through sessions of two symbols in turn: each comes out as on an account of its own."""
    parts = [
        of_symbol(random_tape(4, 20, num_features=3, seed=seed), symbol) for seed, symbol in ((1, "AAA"), (2, "MES"))
    ]
    tape = join_tapes(parts)
    dear = make_execution(**(COSTLY | {"contract": Contract(5.0), "latency": UniformLatency(5_000.0, 9_000.0)}))
    rules = make_rules(
        tape, execution=make_execution(**COSTLY), executions={"MES": dear}, limits=LIMITS, exits=EXITS, terms=TERMS
    )
    switching = BatchEnv(tape, rules, np.arange(8), 4, seed=3)
    observations, finished = switching.reset(), []
    while len(finished) < 12:
        if switching.step(np.full(4, BUY), observations):
            finished += [row.copy() for row in switching.finished[(switching.terminated + switching.truncated) > 0]]
    assert {int(row["symbol"]) for row in finished} == {0, 1}
    for row in finished:
        session = np.array([tape.session_of(int(row["last_bar"]))])
        alone = BatchEnv(tape, rules, session, 1, seed=3)
        alone.assign(session, np.array([row["noise_cursor"]]))
        seen = alone.reset()
        while not alone.step(np.array([BUY]), seen):
            pass
        for name in ("nav", "cash", "position", "traded_notional", "max_drawdown", "episode_reward", "symbol"):
            assert_same_bits(np.asarray(row[name]), np.asarray(alone.finished[0][name]), name)


def test_models_must_be_those_of_the_other_symbols():
    other = make_execution(commission=UniformLatency(0.0, 0.0))
    with pytest.raises(
        ConfigError, match=r"market\.execution\.commission of MES must be a PerUnitCommission"
    ) as caught:
        make_rules(quiet("AAA", 1), executions={"MES": other})
    assert "\n" not in str(caught.value)


def test_sessions_of_one_symbol_can_be_traded_from_the_joined_tape():
    tape = three_symbols()
    batch = BatchEnv(tape, full_batch(tape).rules, np.flatnonzero(tape.symbol_of == 2), 2, seed=0)
    observations = batch.reset()
    for _ in range(4 * BARS):
        assert batch.accounts["symbol"].tolist() == [2, 2]
        batch.step(np.ones(2), observations)
