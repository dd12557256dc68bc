"""The commands that are offered are the ones that work."""

import shlex

import pytest

from intraday_rl.app.compose import compose, compose_data, precheck
from intraday_rl.app.data_tools.commands import collect_command, train_command
from intraday_rl.core.errors import DataError, IntradayError
from intraday_rl.data.storage.store import BarStore
from tests.unit.data.frames import good_frame

DAYS = ["data.start=2024-07-01", "data.end=2024-07-05"]


def test_collect_command_of_a_run_collects_what_the_run_needs():
    overrides = ["data=massive", "data.symbols=[SPY]", *DAYS]
    command = collect_command(compose(overrides)["data"])
    assert command == "python collect.py data=massive data.symbols=[SPY] data.start=2024-07-01 data.end=2024-07-05"
    assert collect_command(compose([*overrides, "data.store=/else/x y"])["data"]) == f"{command} 'data.store=/else/x y'"
    data = compose(["data=files", "data.symbols=[SPY]"])["data"]
    assert collect_command(data) == "python collect.py data=files data.path=PATH data.symbols=[SPY]"


def test_train_command_names_days_store_and_market():
    data = compose_data(["data=massive", "data.symbols=[SPY,QQQ]", *DAYS, "data.store=elsewhere"])["data"]
    assert train_command(data, ["QQQ"], ["market=mes"]) == (
        "python train.py data=massive data.symbols=[QQQ] data.start=2024-07-01 data.end=2024-07-05 "
        "data.store=elsewhere market=mes"
    )
    data = compose_data(["data=files", "data.path=x"])["data"]
    assert train_command(data, ["SPY"], []) == "python train.py data=files data.symbols=[SPY]"


@pytest.mark.parametrize("choice", ["massive", "files"])
def test_a_run_is_refused_until_its_bars_are_collected(choice, tmp_path):
    store = BarStore(tmp_path / "store")
    days = ["data.start=2024-07-02", "data.end=2024-07-02"]
    run = [f"data={choice}", "data.symbols=[SPY]", *days, f"data.store={store.root}"]
    with pytest.raises(DataError) as caught:
        precheck(run)
    message = str(caught.value)
    assert message.startswith(f"data.store={store.root} data.symbols=[SPY]: {store.root}: no such file or folder")
    assert f"; collect the bars first: python collect.py data={choice} " in message
    assert "\n" not in message
    store.write(good_frame(symbol="QQQ"), "QQQ", "XNYS", {})
    with pytest.raises(DataError, match=r"has no symbol SPY; it holds QQQ; collect the bars first: python collect\.py"):
        precheck(run)
    store.write(good_frame(start="2024-07-03 13:30"), "SPY", "XNYS", {})
    with pytest.raises(DataError, match=r"SPY has no session from 2024-07-02 to 2024-07-02; .* collect\.py"):
        precheck(run)
    store.write(good_frame(), "SPY", "XNYS", {})
    precheck(run)


def test_the_offered_commands_compose(tmp_path):
    data = compose(["data=massive", "data.symbols=[BRK.B]", *DAYS, "data.store=a b"])["data"]
    _, script, *overrides = shlex.split(collect_command(data))
    collected = compose_data(overrides)["data"]
    assert (script, collected["symbols"], collected["store"]) == ("collect.py", ["BRK.B"], "a b")
    _, script, *overrides = shlex.split(train_command(collected, ["BRK.B"], []))
    assert (script, compose(overrides)["data"]) == ("train.py", data)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data=massive"], r"not given, but needed: data\.symbols=… \(.*\), data\.start=…"),
        (["data=massive", "data.symbols=[SPY]", *DAYS, "data.colect.workers=1"], r"unknown key data\.colect\.workers"),
        (["data=massive", "data.symbols=[SPY]", *DAYS, "data.store=5"], "data.store must be a text, was 5"),
        (["data=massive,files"], "several values need -m"),
        (["data=file"], r"data has no choice file \(did you mean files\?\)"),
    ],
)
def test_compose_data_refuses_in_one_line(overrides, message):
    with pytest.raises(IntradayError, match=message) as caught:
        compose_data(overrides)
    assert "\n" not in str(caught.value)


def test_compose_data_resolves_all_but_the_source():
    config = compose_data(["data=files", "data.path=x", "data.symbols=[]", "market.instrument.calendar=CMES"])
    assert sorted(config) == ["data", "market"]
    assert "source" not in config["data"]
    assert config["data"]["collect"] == {
        "_target_": "intraday_rl.data.importers.ImportRequest", "path": "x", "format": "auto", "symbols": [],
        "zone": None, "stamp": "start", "calendar": "CMES",
    }  # fmt: skip
