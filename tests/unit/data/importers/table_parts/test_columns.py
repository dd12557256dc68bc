"""Names of columns as vendors write them."""

import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.importers.table_parts.columns import find_columns, headerless_columns

OHLCV = ["open", "high", "low", "close", "volume"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("t,o,h,l,c,v,n,vw", {"timestamp": "t", "open": "o", "volume": "v", "trade_count": "n", "vwap": "vw"}),
        ("ticker,volume,open,close,high,low,window_start,transactions",
         {"symbol": "ticker", "timestamp": "window_start", "trade_count": "transactions"}),
        ("date,open,high,low,close,volume,average,barCount",
         {"timestamp": "date", "perhaps_vwap": "average", "trade_count": "barCount"}),
        ("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
         {"symbol": "<TICKER>", "date": "<DATE>", "time": "<TIME>", "volume": "<VOL>"}),
        ("Datetime,Open,High,Low,Close,Adj Close,Volume", {"timestamp": "Datetime", "close": "Close"}),
        ("timestamp,1. open,2. high,3. low,4. close,5. volume", {"open": "1. open", "volume": "5. volume"}),
        ("Time,Open,High,Low,Last,Vol,Bid,Ask,BidSize,AskSize",
         {"timestamp": "Time", "close": "Last", "bid": "Bid", "ask_size": "AskSize"}),
        ("timestamp,open,high,low,close,volume,buy_volume,order_flow",
         {"buy_volume": "buy_volume", "order_flow": "order_flow"}),
    ],
)  # fmt: skip
def test_find_columns_knows_the_names_of_vendors(names, found):
    roles = find_columns(names.split(","))
    assert found.items() <= roles.found.items()
    assert set(OHLCV) <= set(roles.found)
    assert {*roles.found.values(), *roles.unused} == set(names.split(","))


def test_find_columns_reports_what_it_does_not_take():
    roles = find_columns(["date", "timestamp", *OHLCV, "last"])
    assert roles.found["timestamp"] == "timestamp"
    assert roles.found["close"] == "close"
    assert roles.unused == ("date", "last")


def test_find_columns_takes_a_common_prefix_for_the_symbol():
    roles = find_columns([f"MSFT.{name}" for name in ("Timestamp", *OHLCV)])
    assert roles.prefix == "MSFT"
    assert roles.found["low"] == "MSFT.low"
    assert find_columns(["MSFT.open", "AAPL.open"]).prefix == ""


def test_headerless_columns_go_by_their_place():
    assert list(headerless_columns(list("abcdef"), "x").found) == ["timestamp", *OHLCV]
    assert list(headerless_columns(list("abcdefg"), "x").found) == ["date", "time", *OHLCV]
    with pytest.raises(DataError, match=r"x: has no header and 5 columns.*; add a header line"):
        headerless_columns(list("abcde"), "x")
