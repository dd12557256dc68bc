"""Blackouts by hand: unusual ranges, the bars after them, scheduled events, and files that are refused."""

from pathlib import Path

import numpy as np
import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.core.errors import ConfigError, DataError, ParameterError
from intraday_rl.data import Bars, exchange_sessions
from intraday_rl.market.blackout import Blackout, blackout_minutes, read_events

PARAMS = Blackout(atr_multiple=3.0, bars_after=5, events=None, minutes_before=5.0, minutes_after=2.0)
SECOND = 390  # first row of the second session


@pytest.fixture
def bars():
    """Two sessions of 2024-07-01 on at 100.00."""
    sessions = exchange_sessions("XNYS", "2024-07-01", "2024-07-02")
    columns = {name: np.full(780, 100.0) for name in ("open", "high", "low", "close", "volume")}
    return Bars.on_grid("TEST", sessions, columns, np.ones(780, dtype=bool))


def minutes_of(params, bars, atr):
    """Return the rows in a blackout, counted from the second session's first."""
    flags = blackout_minutes(params, bars, np.asarray(atr))
    assert set(flags.tolist()) <= {0, 1}
    return (np.flatnonzero(flags) - SECOND).tolist()


def events_file(folder, *lines, header="time,name"):
    path = folder / "events.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_blackout_lasts_while_the_atr_is_above_three_medians_and_five_bars_after(bars):
    atr = np.full(780, 0.2)
    atr[SECOND + 100], atr[SECOND + 101], atr[SECOND + 104] = 0.61, 0.7, 0.59
    assert minutes_of(PARAMS, bars, atr) == [100, 101, 102, 103, 104, 105, 106]
    assert minutes_of(PARAMS._replace(bars_after=0), bars, atr) == [100, 101]
    assert minutes_of(PARAMS._replace(atr_multiple=2.9), bars, atr) == list(range(100, 110))


def test_blackout_compares_with_the_same_minute_relative_to_the_price(bars):
    atr = np.full(780, 0.2)
    atr[7] = 0.8  # usual at minute 7, as far as is known
    atr[SECOND + 7], atr[SECOND + 8] = 0.8, 0.8
    assert minutes_of(PARAMS, bars, atr) == [8, 9, 10, 11, 12, 13]
    bars.close[SECOND:] = 200.0  # 40 bps of it, against 20 bps
    assert minutes_of(PARAMS, bars, atr) == []


def test_blackout_ends_with_its_session_and_needs_a_usual_atr(bars):
    atr = np.full(780, 0.2)
    atr[SECOND - 3 : SECOND] = 5.0  # the first session has nothing to compare with
    assert minutes_of(PARAMS, bars, atr) == []
    atr = np.full(780, np.nan)
    atr[SECOND:] = 5.0
    assert minutes_of(PARAMS, bars, atr) == []
    three = exchange_sessions("XNYS", "2024-07-01", "2024-07-03")
    rows = int(three.first[-1])
    columns = {name: np.full(rows, 100.0) for name in ("open", "high", "low", "close", "volume")}
    atr = np.full(rows, 0.2)
    atr[779] = 1.0
    held = minutes_of(PARAMS, Bars.on_grid("TEST", three, columns, np.ones(rows, dtype=bool)), atr)
    assert held == [389]  # and not into the third session


def test_blackout_around_events(bars, tmp_path):
    """Decisions at 9:55 to 10:02 New York: the minutes that end then, 24 to 31. Another at the open, in Berlin time."""
    path = events_file(tmp_path, "2024-07-02T10:00:00-04:00,survey", "2024-07-02T15:30:00+02:00,open")
    assert minutes_of(PARAMS._replace(events=path), bars, np.full(780, 0.2)) == [0, 1, *range(24, 32)]
    path = events_file(tmp_path, "2024-07-02T14:00:30Z", header="time")  # half a minute later: 9:55:30 to 10:02:30
    assert minutes_of(PARAMS._replace(events=path), bars, np.full(780, 0.2)) == list(range(25, 32))
    path = events_file(tmp_path, "2024-07-06T10:00:00-04:00,a Saturday", "1970-01-01T00:00:00Z,")
    assert minutes_of(PARAMS._replace(events=path), bars, np.full(780, 0.2)) == []


def test_blackout_joins_ranges_and_events(bars, tmp_path):
    atr = np.full(780, 0.2)
    atr[SECOND + 200] = 0.7
    params = PARAMS._replace(events=events_file(tmp_path, "2024-07-02T10:00:00-04:00,"), bars_after=1)
    assert minutes_of(params, bars, atr) == [*range(24, 32), 200, 201]


@pytest.mark.parametrize("later", [np.nan, 9.0])
def test_blackout_knows_nothing_of_later_bars(bars, later):
    atr = 0.2 * np.random.default_rng(0).lognormal(sigma=0.8, size=780)
    honest = blackout_minutes(PARAMS, bars, atr)
    assert 0 < honest.sum() < 390
    for t in range(SECOND, 779, 37):
        changed = np.where(np.arange(780) > t, later, atr)
        np.testing.assert_array_equal(blackout_minutes(PARAMS, bars, changed)[: t + 1], honest[: t + 1])


def test_events_are_read_in_time_order(tmp_path):
    path = events_file(tmp_path, "2024-07-02T10:00:00-04:00,b", "", "2024-07-01T10:00:00+00:00,a")
    assert read_events(path).tolist() == [1_719_828_000_000_000, 1_719_928_800_000_000]
    path.write_bytes(b"\xef\xbb\xbftime\r\n1970-01-01T00:00:01Z\r\n")  # as spreadsheets write it
    assert read_events(path).tolist() == [1_000_000]


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["2024-07-02T10:00:00,x"], "time,name", r"events\.csv line 2: time must be ISO 8601 with its off.*no offset"),
        (["2024-07-02T10:00:00Z,x", "noon,y"], "time,name", r"events\.csv line 3: time must be ISO 8601.*was 'noon'"),
        ([",x"], "time,name", r"events\.csv line 2: time must be .*was ''"),
        (["x"], "name,time", r"events\.csv line 2: time must be .*was None"),
        (["0001-01-01T00:00:00+14:00,x"], "time,name", r"events\.csv line 2: time must be"),
        (["2024-07-02T10:00:00Z"], "when", r"events\.csv line 1: events must have a column time, has \['when'\]"),
        (['"2024-07-02T10:00:00Z'], "time", r"events\.csv: events must be a CSV file in UTF-8"),
    ],
)  # fmt: skip
def test_events_that_are_wrong_are_refused_with_their_line(tmp_path, lines, header, message):
    path = events_file(tmp_path, *lines, header=header)
    for refuse in (lambda: read_events(path), PARAMS._replace(events=path).check):
        with pytest.raises(DataError, match=message) as refused:
            refuse()
        assert "\n" not in str(refused.value)


def test_events_that_are_no_file_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: events must be a file that can be read: No such file"):
        read_events(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"events must be a file that can be read: Is a directory"):
        read_events(tmp_path)
    (tmp_path / "events.csv").write_bytes(b"time\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"events must be a CSV file in UTF-8"):
        read_events(tmp_path / "events.csv")
    (tmp_path / "events.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"line 1: events must have a column time, has none"):
        read_events(tmp_path / "events.csv")


@pytest.mark.parametrize(
    ("name", "value"),
    [("atr_multiple", 0.0), ("atr_multiple", np.nan), ("bars_after", -1), ("minutes_before", -1.0),
     ("minutes_after", np.inf)],
)  # fmt: skip
def test_blackout_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"^Blackout\.{name} must be"):
        PARAMS._replace(**{name: value}).check()


def test_configured_blackout_is_built_and_a_wrong_file_refused_before_data_are_read(tmp_path):
    path = events_file(tmp_path, "2024-07-02T10:00:00-04:00,survey")
    plan = build_plan(compose(["market.blackout.bars_after=7", f"market.blackout.events={path}"]))
    assert plan.markets[0].blackout == Blackout(3.0, 7, Path(path), 5.0, 5.0)
    with pytest.raises(ConfigError, match=r"^market\.blackout: .*absent\.csv: events must be a file"):
        build_plan(compose(["market.blackout.events=absent.csv"]))
