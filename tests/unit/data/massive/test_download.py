"""What is asked for, what is written, and what is asked for again."""

import numpy as np
import pytest

from intraday_rl.data.massive.download import requests
from tests.support.massive_server import bar, day_of_bars, failing
from tests.unit.data.massive.conftest import DAYS


def asked_days(server):
    return [tuple(asked.path.split("/")[-2:]) for asked in server.asked]


@pytest.mark.parametrize(
    ("missing", "most", "expected"),
    [
        ([1, 1, 1, 1, 1], 2, [(0, 2), (2, 4), (4, 5)]),
        ([1, 1, 1, 1, 1], 5, [(0, 5)]),
        ([0, 0, 1, 1, 0], 5, [(2, 4)]),
        ([1, 0, 1, 0, 0], 5, [(0, 3)]),
        ([1, 0, 0, 1, 1], 2, [(0, 1), (3, 5)]),
        ([0, 0, 0], 5, []),
    ],
)
def test_requests_cover_the_missing_sessions_and_not_much_more(missing, most, expected):
    assert list(requests(np.array(missing, dtype=bool), most)) == expected


def test_download_writes_the_regular_hours_of_each_session(collect, store):
    collection, failures = collect()
    report = collection.reports["SPY"]
    assert failures == {}
    assert store.sessions("SPY").astype(str).tolist() == list(DAYS)
    # of each day's six bars 04:00 and 19:59 lie outside
    assert (report.written, report.bars, report.counts["outside the sessions"], report.done) == (5, 20, 10, 5)
    frame = store.read("SPY")
    assert frame["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%d %H:%M").tolist()[8:14] == [
        "03 09:30", "03 09:31", "03 09:33", "03 12:59", "05 09:30", "05 09:31",
    ]  # fmt: skip
    assert frame["close"].tolist() == [501.0, 502.0, 503.0, 504.0] * 5
    assert frame["trade_count"].tolist() == [7.0] * 20


def test_download_after_a_half_day_has_closed_is_outside(collect, store, server):
    server.bars["SPY"].append(bar("2024-07-03 13:00", 500.0))
    collection, _ = collect()
    assert collection.reports["SPY"].counts["outside the sessions"] == 11
    assert len(store.read("SPY")) == 20


def test_download_asks_for_so_many_sessions_at_a_time(collect, server):
    collect(sessions_per_request=2)
    assert asked_days(server) == [(DAYS[0], DAYS[1]), (DAYS[2], DAYS[3]), (DAYS[4], DAYS[4])]


def test_download_again_asks_for_nothing_that_the_store_holds(collect, server):
    collect(end=DAYS[2])
    server.asked.clear()
    collection, _ = collect()
    assert asked_days(server) == [(DAYS[3], DAYS[4])]
    report = collection.reports["SPY"]
    assert (report.held, report.written, report.done, report.damaged) == (3, 2, 5, 0)
    server.asked.clear()
    collection, failures = collect()
    assert (server.asked, failures, collection.reports["SPY"].held) == ([], {}, 5)


def test_download_replaces_damaged_files(collect, server, store):
    collect()
    for file in (store.files("SPY")[1], store.files("SPY")[2]):
        file.write_bytes(file.read_bytes()[:200])
    server.asked.clear()
    collection, _ = collect()
    report = collection.reports["SPY"]
    assert asked_days(server) == [(DAYS[1], DAYS[2])]
    assert (report.held, report.damaged, report.written, store.verify()) == (3, 2, 2, [])


def test_download_takes_the_later_of_two_bars_of_a_minute(collect, server, store):
    server.bars["SPY"].append(bar("2024-07-02 09:31", 555.0))
    collection, _ = collect()
    report = collection.reports["SPY"]
    assert (report.counts["sent again, the later counts"], report.bars) == (1, 20)
    assert store.read("SPY")["close"].tolist()[4:8] == [501.0, 555.0, 503.0, 504.0]


def test_download_takes_revisions_only_when_told_to_refresh(collect, server, store):
    collect()
    server.bars["SPY"] = [bar("2024-07-02 09:31", 555.0)]
    collect()
    assert len(store.read("SPY")) == 20
    collection, _ = collect(refresh=True)
    assert store.read("SPY")["close"].tolist()[4] == 555.0
    assert len(store.read("SPY")) == 17  # the other sessions have no bars any more, and stay as they were
    assert collection.reports["SPY"].empty == [DAYS[0], *DAYS[2:]]


def test_download_names_sessions_without_bars_and_asks_for_them_again(collect, server, store):
    server.bars["SPY"] = [bar for day in DAYS[2:] for bar in day_of_bars(day)]
    collection, failures = collect()
    assert (failures, collection.reports["SPY"].empty, len(store.sessions("SPY"))) == ({}, list(DAYS[:2]), 3)
    server.asked.clear()
    collection, failures = collect()
    assert (asked_days(server), failures) == ([(DAYS[0], DAYS[1])], {})


def test_download_of_an_unknown_symbol_and_of_one_without_bars_is_one_line(collect, server):
    server.unknown = {"SPYY"}
    _, failures = collect(("SPYY", "NEW"))
    assert failures == {
        "SPYY": "SPYY: Massive knows no active symbol of that name; check its spelling (such as BRK.B)",
        "NEW": "NEW: Massive has no bar in the sessions of 2024-07-01 to 2024-07-08; choose days on which it was "
        "traded",
    }


def test_download_a_bar_that_breaks_a_law_costs_its_session_alone(collect, server, store):
    server.bars["SPY"].append(bar("2024-07-02 09:35", 500.0, h=1.0))
    server.bars["SPY"].append(bar("2024-07-05 09:35:30", 500.0))
    collection, failures = collect()
    report = collection.reports["SPY"]
    assert (failures, report.written, report.done) == ({}, 3, 5)
    assert store.sessions("SPY").astype(str).tolist() == [DAYS[0], DAYS[2], DAYS[4]]
    first, second = report.problems
    assert first.startswith("bars of SPY: SPY session 2024-07-02, row ")
    assert "high must be >= low, was high 1.0" in first
    assert "SPY session 2024-07-05" in second
    assert "must be a whole minute" in second


def test_download_refused_in_the_middle_keeps_what_came_before(collect, server, store):
    server.before_answer = lambda asked: server.faults.extend([failing(403)] if f"/{DAYS[2]}/" in asked.path else [])
    _, failures = collect()
    assert list(failures) == ["SPY"]
    assert failures["SPY"].startswith("SPY 2024-07-03 to 2024-07-05: not in the plan of this key")
    assert store.sessions("SPY").astype(str).tolist() == list(DAYS[:2])
