"""LEAN's own files against the uniform bar files, and ticks and seconds against LEAN's own minute bars.

LEAN's minute bars are not the plain sums of its ticks. They take no price from intermarket sweeps, put the closing
auction, printed after 16:00, into the bar of 15:59, and count but one print of an auction. With those three rules the
tests rebuild LEAN's bars from ticks, and count what is left.
"""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data.importers.aggregate import inside_sessions, minutes_of_trades
from intraday_rl.data.importers.lean import AUCTION, NO_TRADE, NOT_AT_MARKET
from intraday_rl.data.importers.ticks import bars_of_ticks
from tests.unit.data.importers.samples import BARS, PRICES, QUOTES, changed, differences, imported, raw, uniform

LEAN = ("lean", "Data")
EQUITY = (*LEAN, "equity", "usa")
SWEEP, CLOSING_PRINT = 1 << 5, 1 << 7


@pytest.fixture(scope="module")
def minutes():
    return imported(raw(*EQUITY, "minute"))


@pytest.fixture(scope="module")
def ticks():
    return imported(raw(*EQUITY, "tick"))


def test_differences_and_changed_find_a_planted_one(minutes):
    frame = minutes["IBM"].frame
    planted = frame.assign(volume=frame["volume"] + (frame.index == 3), bid=frame["bid"].where(frame.index != 5))
    assert differences(planted, frame, BARS + QUOTES) == dict.fromkeys(BARS + QUOTES, 0) | {"volume": 1, "bid": 1}
    assert changed(planted, frame, "volume") == {"2013-10-07 09:33": 1}


def none_differ(found):
    return {name: count for name, count in found.items() if count} == {}


@pytest.mark.parametrize(("symbol", "rows"), [("AAPL", 780), ("IBM", 390), ("SPY", 390)])
def test_lean_minutes_equal_the_uniform_bars(minutes, symbol, rows):
    frame = minutes[symbol].frame
    assert len(frame) == rows
    assert none_differ(differences(frame, uniform("bars-1m", "lean-equity", f"{symbol}.parquet"), BARS + QUOTES))


def test_lean_minutes_outside_the_sessions_are_those_of_the_extended_file(minutes):
    extended = uniform("bars-1m-extended", "lean-equity", "IBM.parquet")
    monday = (extended["timestamp"].dt.tz_convert("America/New_York").dt.date.astype(str) == "2013-10-07").sum()
    assert minutes["IBM"].counts["outside the sessions"] == monday == 63


def test_lean_closing_quotes_equal_the_uniform_quotes(minutes):
    quotes = uniform("quotes-1m", "lean-equity", "IBM.parquet").rename(columns={"bid_close": "bid", "ask_close": "ask"})
    assert none_differ(differences(minutes["IBM"].frame, quotes, QUOTES))


def test_lean_futures_equal_the_uniform_bars():
    bars = imported(raw(*LEAN, "future"), calendar="CME_Equity")["ES"]
    reference = uniform("futures-1m", "lean-es", "ES.parquet")
    assert len(bars.frame) == (reference["timestamp"].dt.strftime("%Y%m%d") == "20131007").sum() == 1344
    assert none_differ(differences(bars.frame, reference, BARS + QUOTES))
    assert set(reference["contract"][reference["timestamp"].isin(bars.frame["timestamp"])]) == {"ESZ13"}
    assert bars.counts == {"other contract month": 327, "quote outside the sessions": 26}


def test_lean_futures_in_regular_hours_are_those_of_the_stock_exchange():
    frame = imported(raw(*LEAN, "future"), calendar="XNYS")["ES"].frame
    reference = uniform("futures-1m", "lean-es", "ES.parquet").query("rth")
    assert len(frame) == 390
    assert none_differ(differences(frame, reference, BARS + QUOTES))


def test_lean_index_equals_the_uniform_bars():
    frame = imported(raw(*LEAN, "index"))["SPX"].frame
    assert len(frame) == 390
    assert none_differ(differences(frame, uniform("index-1m", "lean-spx", "SPX.parquet"), BARS))


def test_lean_seconds_add_up_to_the_minutes(minutes):
    seconds = imported(raw(*EQUITY, "second"))["SPY"].frame
    found = differences(seconds, minutes["SPY"].frame, BARS + QUOTES)
    assert {name: count for name, count in found.items() if count} == {"volume": 58}
    # Trades at the border of two minutes are on its other side: what one minute has too much, the next one lacks.
    moved = np.cumsum((seconds["volume"] - minutes["SPY"].frame["volume"]).to_numpy())
    assert moved[-1] == 0
    assert (np.count_nonzero(moved), np.abs(moved).sum()) == (30, 32_314)  # of 81 million shares


def test_lean_ticks_have_the_quotes_and_volumes_of_the_minutes(ticks, minutes):
    frame, reference = ticks["IBM"].frame, minutes["IBM"].frame
    assert none_differ(differences(frame, reference, QUOTES))
    # The closing auction of 16:01:04.221 is in LEAN's bar of 15:59.
    assert changed(frame, reference, "volume") == {"2013-10-07 15:59": -151_665}
    assert ticks["IBM"].counts == {
        "suspicious tick": 1,
        "message of the official open or close": 2,
        "trade not at the market's price (in the volume only)": 247,
        "outside the sessions": 186,
        "quote outside the sessions": 1068,
        "trade at a locked, crossed or one-sided quote": 296,
        "trade without an aggressor (auction)": 1,
    }


def test_lean_ticks_of_spy_differ_by_their_auctions(ticks, minutes):
    # Of the opening prints' 239,616 shares LEAN counts 1,350, and 3,500 of the closing print it puts at 15:59.
    assert changed(ticks["SPY"].frame, minutes["SPY"].frame, "volume") == {
        "2013-10-07 09:30": 238_266,
        "2013-10-07 15:59": -3_500,
    }


def tick_table(symbol, no_price):
    """Return the trades of the uniform tick file, as the importer reads them, without prices of these conditions."""
    table = uniform("ticks-trades", "lean-equity", f"{symbol}.parquet")
    flags = table["condition"].map(lambda text: int(text, 16)).to_numpy()
    trades = pd.DataFrame({"time_ns": table["timestamp"].astype("int64"), "price": table["price"]})
    trades = trades.assign(size=table["size"], priced=(flags & no_price) == 0, flags=flags)
    trades["side"] = np.where(flags & AUCTION, 0.0, np.nan)
    return trades[((flags & NO_TRADE) == 0) & ~table["suspicious"].to_numpy()]


def with_stamps(bars):
    return bars.assign(timestamp=pd.to_datetime(bars["time_ns"], utc=True))


def closing_print_before_the_close(trades):
    clock = pd.to_datetime(trades["time_ns"], utc=True).dt.tz_convert("America/New_York")
    late = ((trades["flags"] & CLOSING_PRINT) != 0) & (clock.dt.hour == 16)
    close_ns = (clock.dt.normalize() + pd.Timedelta(hours=16)).dt.as_unit("ns").astype("int64")
    return trades.assign(time_ns=trades["time_ns"].where(~late, close_ns - 1)).sort_values("time_ns", kind="stable")


REBUILT = {  # symbol: minutes of 1,170 whose prices differ all the same, and minutes whose volumes do, with the shares
    "IBM": ({"open": 2, "high": 2, "low": 4}, {"2013-10-08 09:31": 88_065}),
    "BAC": ({"open": 4, "low": 2}, {"2013-10-07 15:59": 330, "2013-10-08 09:30": 5_900, "2013-10-09 15:59": 130}),
}


@pytest.mark.parametrize("symbol", REBUILT)
def test_ticks_rebuild_the_minutes_with_the_rules_of_their_maker(symbol):
    reference = uniform("bars-1m", "lean-equity", f"{symbol}.parquet")
    trades = closing_print_before_the_close(tick_table(symbol, NOT_AT_MARKET | SWEEP))
    bars, _ = minutes_of_trades(inside_sessions(trades, "XNYS")[0])
    bars = with_stamps(bars)
    prices, volumes = REBUILT[symbol]
    assert len(bars) == 1170
    assert {name: count for name, count in differences(bars, reference, PRICES).items() if count} == prices
    assert changed(bars, reference, "volume") == volumes
    for label, shares in volumes.items():  # each is the size of one print of an auction that LEAN does not count
        start_ns = pd.Timestamp(label, tz="America/New_York").as_unit("ns").value
        mine = trades[(trades["time_ns"] >= start_ns) & (trades["time_ns"] < start_ns + 60_000_000_000)]
        assert shares in mine["size"][(mine["flags"] & AUCTION) != 0].tolist()


KEPT_SWEEPS = {  # with sweeps, as the importer has it: differences of prices, and shares of auctions
    "IBM": (
        {"open": 261, "high": 170, "low": 265, "close": 224},
        {"2013-10-07 15:59": -151_665, "2013-10-08 09:31": 88_065, "2013-10-08 15:59": -262_948,
         "2013-10-09 15:59": -170_650},
    ),
    "BAC": (
        {"open": 51, "high": 2, "low": 9, "close": 46},
        {"2013-10-07 15:59": -2_000_995, "2013-10-08 09:30": 5_900, "2013-10-08 15:59": -2_631_493,
         "2013-10-09 15:59": -2_089_180},
    ),
}  # fmt: skip


@pytest.mark.parametrize("symbol", [pytest.param("BAC", marks=pytest.mark.slow), "IBM"])
def test_ticks_of_three_days_against_the_minutes(symbol):
    reference = uniform("bars-1m", "lean-equity", f"{symbol}.parquet")
    trades, _ = inside_sessions(tick_table(symbol, NOT_AT_MARKET), "XNYS")
    quotes = uniform("ticks-quotes", "lean-equity", f"{symbol}.parquet")
    book = pd.DataFrame({"time_ns": quotes["timestamp"].astype("int64")})
    for side, name in (("B", "bid"), ("A", "ask")):
        mine, day = quotes["side"] == side, quotes["session"]
        book[name] = quotes["price"].where(mine).groupby(day).ffill()
        book[f"{name}_size"] = quotes["size"].where(mine).groupby(day).ffill()
    bars, _ = bars_of_ticks(trades, inside_sessions(book, "XNYS")[0])
    bars = with_stamps(bars)
    prices, volumes = KEPT_SWEEPS[symbol]
    assert {name: count for name, count in differences(bars, reference, PRICES + QUOTES).items() if count} == prices
    assert changed(bars, reference, "volume") == volumes
    assert bars["effective_spread_bps"].gt(0).all()  # no minute of these days is cheaper than its mid


def test_lean_root_with_several_resolutions_is_refused():
    with pytest.raises(
        Exception, match="IBM must have one resolution on 20131007, has equity/usa/minute, equity/usa/t"
    ):
        imported(raw(*LEAN))
