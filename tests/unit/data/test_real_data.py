"""Real files against the bar counts that were published with them."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data import read_bars, to_grid
from intraday_rl.data.sources import HistoricalFiles
from tests.support.real_data import data_folder
from tests.unit.data.quality.days import LIMITS


@pytest.fixture(scope="module")
def published():
    return pd.read_csv(data_folder() / "sessions.csv")


def load(dataset, symbol):
    return to_grid(read_bars(data_folder() / "bars-1m" / dataset / f"{symbol}.parquet"), symbol, "XNYS")


@pytest.mark.parametrize(
    ("dataset", "symbol"),
    [
        ("spy-2024", "SPY"), ("spy-2011", "SPY"), ("msft-2023", "MSFT"), ("mixed-2019", "TZA"),
        ("lobster-2012", "AMZN"), ("midcaps-2024", "TPL"), ("midcaps-2024", "LII"),
        ("midcaps-2024", "EXE"), ("lean-equity", "SHY"),
        ("lean-equity", "GOOG"), ("lean-equity", "SPY"),
    ],
)  # fmt: skip
def test_real_bars_agree_with_the_published_session_table(published, dataset, symbol):
    bars = load(dataset, symbol)
    rows = published[
        (published["kind"] == "bars-1m") & (published["dataset"] == dataset) & (published["symbol"] == symbol)
    ]
    starts = bars.sessions.first[:-1]
    assert bars.sessions.date.astype(str).tolist() == rows["session"].tolist()
    assert bars.sessions.minutes.tolist() == rows["regular_minutes"].tolist()
    assert np.add.reduceat(bars.traded.astype(int), starts).tolist() == rows["bars"].tolist()
    assert np.add.reduceat(bars.volume, starts).tolist() == rows["volume"].tolist()
    assert bars.close[bars.sessions.first[1:] - 1].tolist() == rows["last_close"].tolist()


def test_real_spy_2024_has_163_full_sessions_and_one_half_day():
    bars = load("spy-2024", "SPY")
    assert len(bars.sessions) == 163
    assert bars.traded.all()
    short = bars.sessions.minutes == 210
    assert bars.sessions.date[short].astype(str).tolist() == ["2024-07-03"]
    assert set(bars.sessions.minutes[~short]) == {390}
    assert not bars.has("bid")


def test_real_midcaps_have_gaps_that_stay_gaps():
    bars = load("midcaps-2024", "TPL")
    gaps = ~bars.traded
    assert gaps.mean() > 0.5
    assert (bars.volume[gaps] == 0).all()
    before_first = np.isnan(bars.close)
    assert (before_first <= gaps).all()
    carried = np.flatnonzero(gaps & ~before_first)
    np.testing.assert_array_equal(bars.close[carried], bars.close[carried - 1])


def test_real_lean_spy_has_quotes_in_every_bar(published):
    bars = load("lean-equity", "SPY")
    rows = published[
        (published["kind"] == "bars-1m") & (published["dataset"] == "lean-equity") & (published["symbol"] == "SPY")
    ]
    assert bars.has("bid")
    assert bars.has("ask_size")
    assert int((~np.isnan(bars.bid)).sum()) == rows["bars_with_quote"].sum()


def test_real_folder_is_read_as_one_frame():
    frame = read_bars(data_folder() / "bars-1m" / "lean-equity")
    assert frame["symbol"].nunique() == 9
    assert len(frame) == 9822


def test_real_historical_files_cut_by_dates():
    market = HistoricalFiles(
        path=data_folder() / "bars-1m" / "spy-2024",
        symbol="SPY",
        start="2024-07-02",
        end="2024-07-05",
        calendar="XNYS",
        exclude=(),
        quality=LIMITS,
        without=(),
    )
    dates = market.load().sessions.date.astype(str).tolist()
    assert dates == ["2024-07-02", "2024-07-03", "2024-07-05"]
