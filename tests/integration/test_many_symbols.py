"""A run of several symbols, end to end: split by day, scaled each by its own, judged as a portfolio."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose, precheck
from intraday_rl.app.make import make_vec_env
from intraday_rl.app.market_data import load_market_data
from intraday_rl.core.errors import BundleError, ConfigError, DataError, FeatureError
from intraday_rl.data.sources import SimulatedMarket
from tests.support.bundles import change_json, sign_again
from tests.support.runs import SMALL, judge_again, quick, run_small

pytestmark = pytest.mark.slow

SYMBOLS = {"AAA": (1, 100.0, 0.01), "BBB": (2, 40.0, 0.02)}  # seed, price, spread
DAYS = 10
OWN_SPREAD = "+market.by_symbol.BBB.execution.spread.base_spread=0.02"
FROM_FILES = tuple(text for text in SMALL if not text.startswith("data.source."))


def market(symbol, seed, price, spread, sessions=DAYS):
    node = compose(["data=simulated"])["data"]["source"]
    changes = {"symbol": symbol, "seed": seed, "initial_price": price, "base_spread": spread, "num_sessions": sessions}
    return SimulatedMarket(**{**{k: v for k, v in node.items() if k != "_target_"}, **changes}).load().to_frame()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten days of two symbols, the second without the third day; and a third symbol."""
    path = tmp_path_factory.mktemp("bars")
    frames = {name: market(name, *facts) for name, facts in SYMBOLS.items()}
    third = sorted(frames["BBB"]["session"].unique())[2]
    frames["BBB"] = frames["BBB"][frames["BBB"]["session"] != third]
    frames["CCC"] = market("CCC", 3, 60.0, 0.01)
    for name, frame in frames.items():
        frame.to_parquet(path / f"{name}.parquet")
    return path


def overrides(folder, symbols="[AAA,BBB]"):
    return (*FROM_FILES, "data=historical", f"data.path={folder}", f"data.symbols={symbols}", OWN_SPREAD)


@pytest.fixture(scope="module")
def data(folder):
    return load_market_data(build_plan(compose(overrides(folder))))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    with quick():
        run_small(path, *overrides(folder)[len(FROM_FILES) :], small=FROM_FILES)
    return path


def json_of(path):
    return json.loads(path.read_text())


def test_parts_are_cut_by_day_for_all_symbols(data):
    days = {part: set(data.tape.dates[getattr(data.split, part)].tolist()) for part in ("train", "validation", "test")}
    assert [len(days[part]) for part in ("train", "validation", "test")] == [5, 2, 3]
    assert not days["train"] & (days["validation"] | days["test"])
    for part in ("train", "validation", "test"):
        symbols = data.tape.symbol_of[getattr(data.split, part)]
        assert set(symbols.tolist()) == {0, 1}
    assert len(data.tape.dates) == 2 * DAYS - 1


def test_each_symbol_is_scaled_by_its_own_training_sessions(data):
    """Seen by the agent, every feature has mean 0 and deviation 1 over the symbol's training decisions."""
    tape = data.tape
    for number in (0, 1):
        own = data.split.train[tape.symbol_of[data.split.train] == number]
        rows = np.concatenate([np.arange(tape.first_row[s], tape.last_row[s] + 1) for s in tape.usable(own)])
        values = tape.features[rows].astype(np.float64)
        np.testing.assert_allclose(values.mean(axis=0), 0.0, atol=1e-3)
        deviation = values.std(axis=0)
        np.testing.assert_allclose(deviation[deviation > 0], 1.0, atol=1e-3)
    later = data.split.test
    rows = np.concatenate([np.arange(tape.first_row[s], tape.last_row[s] + 1) for s in tape.usable(later)])
    assert abs(tape.features[rows].mean(axis=0)).max() > 0.05


def test_scaling_does_not_see_later_sessions(folder, data, tmp_path):
    """Other bars in the validation and test days leave what the agent sees in training as it is."""
    last_training_day = data.tape.dates[data.split.train].max()
    for name in SYMBOLS:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        late = pd.to_datetime(frame["session"]).to_numpy() > last_training_day
        assert late.any()
        frame.loc[late, ["open", "high", "low", "close", "vwap", "bid", "ask"]] *= 1.5
        frame.to_parquet(tmp_path / f"{name}.parquet")
    other = load_market_data(build_plan(compose(overrides(tmp_path))))
    for symbol, moments in data.frozen.fit.symbols.items():
        np.testing.assert_array_equal(other.frozen.fit.symbols[symbol].mean, moments.mean)
        np.testing.assert_array_equal(other.frozen.fit.symbols[symbol].deviation, moments.deviation)
    stop = data.tape.last_row[data.split.train[-1]] + 1
    assert other.tape.features[:stop].tobytes() == data.tape.features[:stop].tobytes()
    assert other.tape.features[stop:].tobytes() != data.tape.features[stop:].tobytes()


def test_second_start_reads_and_computes_nothing(folder, data, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("read or computed again")

    monkeypatch.setattr("intraday_rl.data.sources.files.read_symbol", refuse)
    monkeypatch.setattr("intraday_rl.features.pipeline.run_pass", refuse)
    monkeypatch.setattr("intraday_rl.features.fitted.seasons.garch_forecasts", refuse)
    again = load_market_data(build_plan(compose(overrides(folder))))
    assert again.fingerprint == data.fingerprint
    assert again.tape.features.tobytes() == data.tape.features.tobytes()
    for name in data.tape.rows.dtype.names:
        np.testing.assert_array_equal(again.tape.rows[name], data.tape.rows[name])
    with pytest.raises(AssertionError, match="read or computed again"):
        load_market_data(build_plan(compose([*overrides(folder), "features=micro_mom27"])))
    with pytest.raises(AssertionError, match="read or computed again"):
        load_market_data(build_plan(compose([*overrides(folder), "data.exclude=[odd_prints]"])))


def test_environment_switches_symbols_from_episode_to_episode(folder):
    env = make_vec_env(overrides(folder), num_envs=4, seed=3)
    env.reset()
    seen = []
    for _ in range(390 * 6):
        _, _, dones, infos = env.step(np.ones(4, dtype=np.int64))
        seen += [infos[n]["symbol"] for n in np.flatnonzero(dones)]
    assert set(seen) == set(SYMBOLS)
    assert any(left != right for left, right in zip(seen, seen[4:], strict=False))


def test_run_is_judged_as_a_portfolio_and_symbol_by_symbol(run):
    metrics, by_symbol = json_of(run / "metrics.json"), json_of(run / "symbols.json")
    assert metrics["num_accounts"] == 2
    assert metrics["num_sessions"] == 3  # days
    assert metrics["initial_nav_usd"] == 100_000.0
    assert list(by_symbol) == ["AAA", "BBB"]
    assert sum(table["net_pnl_usd"] for table in by_symbol.values()) == pytest.approx(metrics["net_pnl_usd"])
    assert sum(table["num_round_trips"] for table in by_symbol.values()) == metrics["num_round_trips"]
    trades = pd.read_parquet(run / "trades.parquet")
    assert set(trades["symbol"]) == {"AAA", "BBB"}
    assert "AAA, BBB" in (run / "report.html").read_text()


def test_bundle_holds_costs_and_moments_of_each_symbol(run):
    costs, judging = json_of(run / "bundle" / "costs.json"), json_of(run / "bundle" / "judging.json")
    assert costs["spread"]["base_spread"] == 0.01
    assert costs["by_symbol"]["BBB"]["spread"]["base_spread"] == 0.02
    assert list(judging["training_fit"]["symbols"]) == ["AAA", "BBB"]
    assert json_of(run / "bundle" / "features.json")["scaled_by_symbol"] is True


def test_evaluate_reproduces_the_run(run):
    metrics, said = judge_again(f"run={run}")
    assert metrics == json_of(run / "metrics.json")
    assert "reproduces the run's own test metrics to the last digit" in said


def test_evaluate_judges_one_of_the_symbols_alone(run, folder):
    bars = ("data=historical", f"data.path={folder}", "data.symbols=[BBB]")
    metrics, _ = judge_again(f"run={run}", *bars, "sessions=test")
    assert metrics["num_accounts"] == 1
    assert metrics["net_pnl_usd"] == pytest.approx(json_of(run / "symbols.json")["BBB"]["net_pnl_usd"])


def test_evaluate_refuses_a_symbol_that_the_policy_has_no_scale_for(run, folder):
    with pytest.raises(FeatureError, match="it knows AAA, BBB, not CCC"):
        judge_again(f"run={run}", "data=historical", f"data.path={folder}", "data.symbols=[CCC]")


def test_bundle_of_one_symbol_judges_another(folder, tmp_path):
    with quick():
        run_small(tmp_path / "one", *overrides(folder, "[AAA]")[len(FROM_FILES) :], small=FROM_FILES)
    metrics, _ = judge_again(f"run={tmp_path / 'one'}", "data=historical", f"data.path={folder}", "data.symbols=[CCC]")
    assert metrics["num_accounts"] == 1  # one symbol's fit serves another
    assert json_of(tmp_path / "one" / "bundle" / "features.json")["scaled_by_symbol"] is False
    assert not (tmp_path / "one" / "symbols.json").exists()


@pytest.mark.parametrize(("override", "error", "message"), [
    ("+market.by_symbol.BBB.execution.spred.base_spread=1", ConfigError, "did you mean spread?"),
    ("+market.by_symbol.BBB.execution.spread.base_spread=-1", ConfigError, "WideningSpread.base_spread must be >= 0"),
    ("+market.by_symbol.BBX.execution.spread.base_spread=1", ConfigError, "by_symbol.BBX is not one of data.symbols"),
    ("market.by_symbol.AAA.execution.spread.base_spread=1", ConfigError, "is added with a plus: +market.by_symbol.AAA"),
    ("data.symbols=[AAA,ABB]", DataError, "has no file ABB.parquet (did you mean"),
])  # fmt: skip
def test_what_is_wrong_with_a_symbol_is_one_line(folder, override, error, message):
    chosen = [text for text in overrides(folder) if text.split("=")[0] != override.split("=")[0] and text != OWN_SPREAD]
    with pytest.raises(error) as caught:
        precheck([*chosen, override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_symbols_whose_files_have_other_columns_are_refused(folder, tmp_path):
    frame = pd.read_parquet(folder / "AAA.parquet")
    frame.to_parquet(tmp_path / "AAA.parquet")
    pd.read_parquet(folder / "BBB.parquet").drop(columns=["bid", "ask"]).to_parquet(tmp_path / "BBB.parquet")
    with pytest.raises(DataError, match="spread_bps comes from quotes for AAA and from proxy for BBB"):
        load_market_data(build_plan(compose(overrides(tmp_path))))


def test_bundle_with_damaged_moments_is_refused(run, tmp_path):
    copy = shutil.copytree(run / "bundle", tmp_path / "bundle")
    change_json(copy / "judging.json", "training_fit", "symbols", "AAA", "deviation", value=[0.0] * 41)
    sign_again(copy)
    with pytest.raises(BundleError, match=r"judging\.json cannot be used .*deviation must be > 0"):
        load_bundle(copy)
