"""The command line of collecting, against a local service and a stand-in for the importers."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from intraday_rl.app.cli import guard
from intraday_rl.app.data_tools.collect import USAGE, collect, main, parse
from intraday_rl.core.errors import ConfigError, DataError
from intraday_rl.data import exchange_sessions, importers
from intraday_rl.data.importers import ImportedBars
from intraday_rl.data.storage.store import BarStore
from tests.support.massive_server import KEY, bar, day_of_bars, failing, serving
from tests.unit.data.frames import good_frame

DAYS = ("2024-07-01", "2024-07-02", "2024-07-03")
KEYS = {"MASSIVE_API_KEY": KEY}
QUICK = ["data.collect.calls_per_minute=null", "data.collect.attempts=1", "data.collect.sessions_per_request=2"]


@pytest.fixture
def server():
    with serving() as server:
        for symbol in ("SPY", "QQQ"):
            server.bars[symbol] = [bar for day in DAYS for bar in day_of_bars(day)]
        yield server


@pytest.fixture
def store(tmp_path):
    return BarStore(tmp_path / "store")


@pytest.fixture
def download(server, store):
    def run(*overrides, symbols="SPY,QQQ", end=DAYS[-1], environment=KEYS, now_ns=None):
        days = [f"data.start={DAYS[0]}", f"data.end={end}"]
        service = [f"data.collect.base_url={server.url}", f"data.store={store.root}", *QUICK]
        given = parse(["data=massive", f"data.symbols=[{symbols}]", *days, *service, *overrides])
        return guard(lambda: collect(given, environment, now_ns or time.time_ns()))

    return run


def test_collect_downloads_prints_a_table_and_the_next_command(download, store, capsys):
    assert download() == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line.startswith("│")]
    assert rows == [[symbol, "3", "3", "12", "outside the sessions: 6 rows"] for symbol in ("SPY", "QQQ")]
    assert f"store   {store.root}\n" in out
    assert (
        f"train   python train.py data=massive data.symbols=[SPY,QQQ] data.start={DAYS[0]} data.end={DAYS[-1]}" in out
    )
    assert [len(store.sessions(symbol)) for symbol in ("SPY", "QQQ")] == [3, 3]


def test_collect_again_says_that_nothing_is_new(download, server, capsys):
    download()
    server.asked.clear()
    capsys.readouterr()
    assert download() == 0
    assert "│ SPY    │        3 │   0 │        0 │ nothing" in capsys.readouterr().out
    assert server.asked == []


def test_collect_a_failing_symbol_is_an_error_line_beside_the_table(download, server, store, capsys):
    server.unknown = {"SPYY"}
    server.bars["QQQ"].append(bar("2024-07-02 09:40", 100.0, h=1.0))
    assert download(symbols="SPY,SPYY,QQQ") == 1
    out, err = capsys.readouterr()
    assert "│ QQQ    │        2 │   2 │        8 │" in out
    assert "1 sessions that break a law" in out
    assert "data.symbols=[SPY,QQQ]" in out
    problems = err.splitlines()
    assert problems[0].startswith("error: bars of QQQ: QQQ session 2024-07-02, row ")
    assert problems[1:] == [
        "error: SPYY: Massive knows no active symbol of that name; check its spelling (such as BRK.B)"
    ]
    assert store.symbols() == ["QQQ", "SPY"]


def test_collect_a_failing_service_keeps_what_came_before(download, server, store, capsys):
    server.before_answer = lambda asked: server.faults.extend([failing(500)] if f"/{DAYS[2]}/" in asked.path else [])
    assert download(symbols="SPY") == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"error: Massive at {server.url} gives no usable answer, attempts: 1 (500: ERROR);")
    assert err.endswith("then run the same command again; what was collected before stays\n")
    assert "1 sessions not asked for" in out
    assert store.sessions("SPY").astype(str).tolist() == list(DAYS[:2])


def test_collect_leaves_a_session_that_is_not_over(download, store, capsys):
    close_ns = int(exchange_sessions("XNYS", DAYS[1], DAYS[1]).close_ns[0])
    minute = 60_000_000_000
    assert download(symbols="SPY", now_ns=close_ns + 29 * minute) == 0
    assert store.sessions("SPY").astype(str).tolist() == [DAYS[0]]
    assert "2 sessions that are not over" in capsys.readouterr().out
    assert download(symbols="SPY", now_ns=close_ns + 30 * minute) == 0
    assert store.sessions("SPY").astype(str).tolist() == list(DAYS[:2])


@pytest.mark.parametrize(
    ("overrides", "changes", "message"),
    [
        ([], {"environment": {}}, "downloading from Massive needs a key: export MASSIVE_API_KEY="),
        ([], {"symbols": ""}, "data.symbols must be a list of symbols, such as [SPY,QQQ], was empty"),
        ([], {"symbols": "5"}, "data.symbols must be a list of symbols, such as [SPY,QQQ], was [5]"),
        ([], {"symbols": "SPY,SPY"}, "data.symbols must name each symbol once"),
        ([], {"symbols": "../SPY"}, "data.symbols must be of letters, digits and . : (such as BRK.B), was '../SPY'"),
        (["data.symbols=SPY"], {}, "data.symbols must be a list of symbols"),
        ([], {"end": "2024-06-01"}, "data.start must be <= data.end, was 2024-07-01 after 2024-06-01"),
        ([], {"end": "soon"}, "data.end must be a date written as YYYY-MM-DD, was 'soon'"),
        (["data.start=2024-07-06"], {"end": "2024-07-07"}, "XNYS has no session from 2024-07-06 to 2024-07-07 that is"),
        ([], {"now_ns": 10**18}, "XNYS has no session from 2024-07-01 to 2024-07-03 that is over; choose other days"),
        (["data.collect.workers=0"], {}, "data.collect: MassiveDownload.workers must be >= 1"),
        (
            ["data.collect.base_url=http://x.example"],
            {},
            "data.collect: MassiveDownload.base_url must start with https",
        ),
        (
            ["market.instrument.calendar=XNYSE"],
            {},
            "calendar must be CME_Equity or a name of exchange_calendars, was 'XNYSE'",
        ),
    ],
)
def test_collect_refuses_in_one_line_and_writes_nothing(download, store, capsys, overrides, changes, message):
    assert download(*overrides, **changes) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: {message}")
    assert not store.root.exists()


@pytest.mark.parametrize("argument", ["seed=1", "algo=ppo", "market.execution.spread=1", "+data.x=1", "~data", "SPY"])
def test_parse_takes_data_and_the_calendar_only(argument):
    with pytest.raises(ConfigError, match=r"takes data overrides and the market's calendar only, was"):
        parse(["data=massive", argument])
    taken = ["data=files", "data.path=x", "market=mes", "market.instrument.calendar=CMES"]
    assert parse(taken) == taken


@pytest.mark.parametrize("argv", [["--help"], ["-h"], []])
def test_main_explains_itself(argv, capsys):
    assert main(argv) == int(not argv)
    assert capsys.readouterr().out == f"{USAGE}\n"
    assert max(map(len, USAGE.splitlines())) <= 120


def test_collect_needs_something_to_collect():
    with pytest.raises(ConfigError, match="needs data=massive"):
        collect(["data=simulated"], KEYS, 0)


@pytest.fixture
def importing(monkeypatch, store):
    """Import from a stand-in that gives SPY, then QQQ, and then fails if it is told to."""
    requests = []

    def run(*overrides, error=None):
        def import_bars(request):
            requests.append(request)
            yield ImportedBars("SPY", good_frame(), {"outside the sessions": 240, "none": 0})
            yield ImportedBars("QQQ", good_frame(symbol="QQQ", start="2024-07-03 13:30"), {})
            if error:
                raise error

        monkeypatch.setattr(importers, "import_bars", import_bars, raising=False)
        given = parse(["data=files", f"data.store={store.root}", *overrides])
        return guard(lambda: collect(given, {}, 0)), requests

    return run


def test_collect_imports_what_the_importers_give(importing, store, tmp_path, capsys):
    status, requests = importing(
        f"data.path={tmp_path}/bars.csv", "data.zone=America/New_York", "data.stamp=end", "data.symbols=[SPY,QQQ]"
    )
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    request = requests[0]
    assert (request.path, request.format, request.symbols) == (tmp_path / "bars.csv", "auto", ("SPY", "QQQ"))
    assert (request.zone, request.stamp, request.calendar) == ("America/New_York", "end", "XNYS")
    assert "│ SPY    │        1 │   1 │        4 │ outside the sessions: 240 rows │" in out
    assert f"train   python train.py data=files data.symbols=[SPY,QQQ] data.store={store.root}\n" in out
    pd.testing.assert_series_equal(store.read("SPY")["close"], good_frame()["close"])


def test_collect_relative_paths_start_at_the_project(importing):
    from intraday_rl.app.build import PROJECT

    _, requests = importing("data.path=downloads/lean", "data.format=lean")
    assert requests[0].path == PROJECT / "downloads" / "lean"


def test_collect_warns_of_stamps_on_the_wrong_side_and_names_replaced_sessions(store, tmp_path, capsys):
    """Three days of a market that opens with a burst, stamped at the END of each minute and imported as starts."""
    days = ("2024-07-01", "2024-07-02", "2024-07-03")
    frames = [good_frame(tuple(range(120)), start=f"{day} 13:30") for day in days]
    frame = pd.concat(frames).assign(volume=1000.0, timestamp=lambda table: table["timestamp"] + pd.Timedelta(1, "min"))
    frame.to_csv(tmp_path / "SPY.csv", index=False)
    overrides = ["data=files", f"data.store={store.root}", f"data.path={tmp_path}/SPY.csv"]
    assert collect(overrides, {}, 0) == 0
    out, err = capsys.readouterr()
    assert "trading sets in one minute after the opening: the stamps seem to mark the end of the bars" in err
    assert "try data.stamp=end, then collect again: these sessions are replaced" in err
    assert "replaced" not in out.replace("left out or replaced", "")
    assert collect([*overrides, "data.stamp=end"], {}, 0) == 0
    out, err = capsys.readouterr()
    assert err == ""
    cells = " ".join(out.replace("│", " ").split())
    assert "3 sessions that the store had with other bars are replaced (2024-07-01, 2024-07-02, 2024-07-03)" in cells


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataError("c.csv: row 3: bad"), "error: c.csv: row 3: bad\n"),
        (OSError(28, "No space left on device", "/x/y"), "error: /x/y: No space left on device; make room there, then"),
    ],
)
def test_collect_an_import_that_fails_keeps_what_came_before(importing, store, capsys, error, message):
    status, _ = importing("data.path=x", error=error)
    out, err = capsys.readouterr()
    assert (status, store.symbols()) == (1, ["QQQ", "SPY"])
    assert err.startswith(message)
    assert "data.symbols=[SPY,QQQ]" in out


def test_collect_an_interrupted_import_says_what_is_kept(importing, store, capsys):
    status, _ = importing("data.path=x", error=KeyboardInterrupt())
    assert status == 130
    assert capsys.readouterr().err == (
        f"stopped by SIGINT; kept in {store.root}: SPY 1 sessions, QQQ 1 sessions; "
        "the same command goes on from there\n"
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "data.path must be the file or folder to import, was None: data.path=PATH"),
        (["data.path=x", "data.start=2024-07-01"], "data.start is for train.py: collect.py imports all days"),
        (["data.path=x", "data.format=leen"], "data.collect: ImportRequest.format must be one of auto, lean"),
    ],
)
def test_collect_refuses_imports_in_one_line(importing, capsys, overrides, message):
    status, requests = importing(*overrides)
    assert (status, requests) == (1, [])
    assert capsys.readouterr().err.startswith(f"error: {message}")
