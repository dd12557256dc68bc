"""The futures calendar against the exchange's notices, the stock exchange's calendar and bars of the E-mini.

Sources of the dated closes: CME Group's notices of 18 November 2012 (later close), 21 September 2015 (earlier close), 2
December 2018 and 30 December 2024 (days of mourning), and its holiday schedules.
"""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.sessions import exchange_sessions, local_date
from tests.support.real_data import data_folder


def new_york(instants):
    return pd.DatetimeIndex(np.atleast_1d(instants)).tz_localize("UTC").tz_convert("America/New_York")


def close_of(day):
    sessions = exchange_sessions("CME_Equity", day, day)
    return new_york(sessions.close_ns)[0].strftime("%H:%M") if len(sessions) else "closed"


@pytest.mark.parametrize(
    ("day", "close"),
    [
        ("2013-10-07", "17:15"), ("2015-09-18", "17:15"), ("2015-09-21", "17:00"), ("2024-06-28", "17:00"),
        # the half-days of the stock exchange
        ("2013-07-03", "13:15"), ("2013-11-29", "13:15"), ("2013-12-24", "13:15"), ("2014-07-03", "13:15"),
        ("2020-11-27", "13:15"), ("2020-12-24", "13:15"), ("2025-07-03", "13:15"),
        # its holidays: until February 2014 at 10:30 Chicago, then at noon
        ("2013-07-04", "11:30"), ("2014-02-17", "11:30"), ("2014-05-26", "13:00"), ("2020-07-03", "13:00"),
        ("2021-06-18", "17:00"), ("2022-06-20", "13:00"), ("2024-06-19", "13:00"), ("2024-11-28", "13:00"),
        # Good Friday: open for the jobs report only
        ("2015-04-03", "09:15"), ("2021-04-02", "09:15"), ("2023-04-07", "09:15"), ("2022-04-15", "closed"),
        ("2024-03-29", "closed"), ("2025-04-18", "closed"),
        # days of mourning
        ("2018-12-05", "09:30"), ("2025-01-09", "09:30"),
        ("2020-12-25", "closed"), ("2021-12-24", "closed"), ("2023-01-02", "closed"),
    ],
)  # fmt: skip
def test_cme_equity_closes_when_the_exchange_said(day, close):
    assert close_of(day) == close


def test_cme_equity_opens_at_six_in_the_evening_before():
    sessions = exchange_sessions("CME_Equity", "2012-11-19", "2026-12-31")
    opens = new_york(sessions.open_ns)
    assert set(opens.strftime("%H:%M")) == {"18:00"}
    np.testing.assert_array_equal(opens.tz_localize(None).normalize() + pd.Timedelta(days=1), sessions.date)
    assert sessions.minutes.max() == 23 * 60 + 15


def test_cme_equity_half_days_are_those_of_the_stock_exchange():
    stocks = exchange_sessions("XNYS", "2012-11-19", "2026-12-31")
    futures = exchange_sessions("CME_Equity", "2012-11-19", "2026-12-31")
    quarter_past = new_york(futures.close_ns).strftime("%H:%M") == "13:15"
    np.testing.assert_array_equal(futures.date[quarter_past], stocks.date[stocks.minutes == 210])
    assert set(stocks.date) <= set(futures.date)


def test_cme_equity_daylight_saving_moves_the_opening():
    sessions = exchange_sessions("CME_Equity", "2025-03-07", "2025-03-10")
    assert sessions.open_ns.astype("datetime64[ns]").astype("datetime64[m]").astype(str).tolist() == [
        "2025-03-06T23:00",
        "2025-03-09T22:00",
    ]


def test_cme_equity_before_the_present_hours_is_refused():
    with pytest.raises(DataError, match="calendar CME_Equity is known from 2012-11-19, was asked for 2011"):
        exchange_sessions("CME_Equity", "2011-06-01", "2013-06-01")


def test_local_date_of_cme_equity_is_the_trade_date():
    instants = [pd.Timestamp(text, tz="America/New_York").value for text in ("2024-03-07 17:59", "2024-03-07 18:00")]
    assert [str(local_date("CME_Equity", instant)) for instant in instants] == ["2024-03-07", "2024-03-08"]


def test_cme_equity_gives_each_bar_of_the_e_mini_its_trade_date():
    bars = pd.read_parquet(data_folder() / "futures-1m" / "lean-es" / "ES.parquet")
    start_ns = bars["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
    sessions = exchange_sessions("CME_Equity", "2013-10-01", "2020-10-01")
    owner = np.searchsorted(sessions.open_ns, start_ns, side="right") - 1
    assert (start_ns < sessions.close_ns[owner]).all()
    np.testing.assert_array_equal(sessions.date[owner], bars["session"].to_numpy().astype("datetime64[D]"))


def test_regular_hours_of_the_e_mini_are_those_of_the_stock_exchange():
    bars = pd.read_parquet(data_folder() / "futures-1m" / "lean-es" / "ES.parquet")
    start_ns = bars["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
    stocks = exchange_sessions("XNYS", "2013-10-01", "2020-10-01")
    owner = np.searchsorted(stocks.open_ns, start_ns, side="right") - 1
    inside = (owner >= 0) & (start_ns < stocks.close_ns[owner])
    np.testing.assert_array_equal(inside, bars["rth"])


def test_pause_of_the_afternoon_has_no_bars():
    bars = pd.read_parquet(data_folder() / "futures-1m" / "lean-es" / "ES.parquet")
    clock = bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert not ((clock >= "16:15") & (clock < "16:30")).any()
    assert ((clock >= "16:30") & (clock < "17:00")).any()


def test_last_bars_of_the_e_mini_end_with_its_session():
    table = pd.read_csv(data_folder() / "sessions.csv").query("dataset == 'lean-es'")
    assert len(table) == 11
    for day, last_bar in zip(table["session"], table["last_bar_ny"], strict=True):
        last = pd.Timestamp(f"{day} {last_bar}") + pd.Timedelta(minutes=1)
        assert last.strftime("%H:%M") == close_of(day)
