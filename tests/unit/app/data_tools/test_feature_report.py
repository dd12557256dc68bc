"""The command writes the page of the data that overrides describe, and refuses in one line."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.cli import guard
from intraday_rl.app.command_line.tools import main
from intraday_rl.app.compose import compose
from intraday_rl.app.data_tools.feature_report import feature_report_of, load_features
from intraday_rl.app.market_data import load_market_data
from tests.support.real_data import data_folder

FEW = ["features=micro_mom27", "data.source.num_sessions=12"]  # no GARCH fits


def test_report_data_are_those_of_the_market_data():
    plan = build_plan(compose(FEW))
    data = load_market_data(plan)
    made = feature_report_of(data, "a run")
    (table,) = made.tables
    assert (made.title, made.symbols, made.names) == ("a run", ("SIM",), plan.markets[0].pipeline.names)
    assert made.parts == ("train", "validation", "test")
    np.testing.assert_array_equal(table.parts["test"], data.split.test)
    assert table.sources["spread_bps"] == "quotes"
    loaded = load_features(plan, "the same").tables[0]
    np.testing.assert_array_equal(loaded.values, table.values)
    assert loaded.sources == table.sources


def test_command_writes_the_page_and_prints_what_it_found(tmp_path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "page.html"
    assert main(["features", *FEW, "--html", str(path)]) == 0
    out = capsys.readouterr().out
    assert "pairs with a rank correlation" in " ".join(out.split())
    assert str(path) in out.replace("\n", "")
    assert "27 features of SIM: " in path.read_text(encoding="utf-8")


def test_missing_values_are_a_finding_and_no_error(tmp_path, capsys: pytest.CaptureFixture[str]):
    """IBM without quotes for 40 of 1,560 minutes: the last one stands for five of them, 35 are missing, 2.2 %."""
    frame = pd.read_parquet(data_folder() / "bars-1m" / "lean-equity" / "IBM.parquet")
    silent = frame["timestamp"].between("2013-10-08 16:00+00:00", "2013-10-08 16:39+00:00")
    assert silent.sum() == 40
    frame.loc[silent, ["bid", "ask"]] = np.nan
    frame.to_parquet(tmp_path / "IBM.parquet")
    split = ["train_fraction=0.5", "validation_fraction=0.25", "embargo_sessions=0"]
    data = [
        "features=micro_mom27",
        "data=historical",
        f"data.path={tmp_path}",
        "data.symbols=[IBM]",
        "data.without=[vwap,trade_count]",
    ]
    options = [*(f"evaluation.split.{part}" for part in split), "--html", str(tmp_path / "page.html")]
    assert main(["features", *data, *options]) == 0
    assert "spread_bps 2.2 %" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data=simulatd"], "data has no choice simulatd (did you mean simulated?)"),
        (["data=historical"], "not given, but needed: data.path"),
        (["data=historical", "data.path=nowhere", "data.symbols=[SPY]"], "data.path=nowhere"),
        ([*FEW, "--html", "nowhere/page.html"], "the folder nowhere does not exist"),
        ([*FEW, "--html", "."], "must name a file"),
        (["data.source.num_sessions=2", "features=micro_mom27"], "2 sessions must give each part at least one"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, words, capsys: pytest.CaptureFixture[str]):
    assert guard(lambda: main(["features", *arguments])) == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert words in printed


def test_a_page_that_cannot_be_written_is_one_line(tmp_path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / ("x" * 300 + ".html")
    assert guard(lambda: main(["features", *FEW, "--html", str(path)])) == 1
    assert "cannot be written: File name too long" in capsys.readouterr().err
