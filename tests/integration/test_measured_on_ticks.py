"""What ticks tell of minutes, counted a second time in pandas and in plain Python: the test of importer and features.

The ticks are all trades and quotes of IBM and BAC on 7 to 9 October 2013.
"""

import datetime
import zipfile
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data import Bars, to_grid
from intraday_rl.data.importers import ImportRequest, import_bars
from tests.support.pandas_features import ticks
from tests.support.pandas_features.quotes import standing_quotes
from tests.support.pandas_features.seasons import bucket_volumes
from tests.support.pandas_features.series import price_frame
from tests.support.real_data import data_folder
from tests.unit.features.feature_bars import pipeline

MEASURED = ["buy_volume", "sell_volume", "effective_spread_bps", "side_per_mid"]
NAMES = ("ofi", "vpin", "eff_spread_bps", "realised_spread5", "adverse_sel5", "signed_vol")
DAY = datetime.date(2013, 10, 7)


def read_ticks(symbol):
    """Return all trades and quotes of a symbol."""
    return [pd.read_parquet(data_folder() / f"ticks-{kind}" / "lean-equity" / f"{symbol}.parquet")
            for kind in ("trades", "quotes")]  # fmt: skip


def minute_table(trades, quotes):
    """Return the measured columns and the order flow by minute, and the trades with their sides."""
    signed = ticks.signed_trades(ticks.market_trades(trades), ticks.standing_quotes(quotes))
    table = ticks.measured_columns(signed)
    table["order_flow"] = ticks.order_flow(quotes).reindex(table.index).fillna(0.0)
    return table, signed


def imported(path, symbol):
    """Return the bars that the importer makes of a LEAN folder."""
    request = ImportRequest(path=path, format="lean", symbols=(symbol,), zone=None, stamp="start", calendar="XNYS")
    (bars,) = import_bars(request)
    return bars.frame


def largest_difference(frame, table):
    """Return column -> largest difference relative to the column's mean size; inf where one of both has no value."""
    frame = frame.set_index(frame["timestamp"].dt.as_unit("us")).reindex(columns=table.columns)
    table = table.reindex(frame.index)
    missing = frame.isna() != table.isna()
    return ((frame - table).abs() / table.abs().mean()).mask(missing, np.inf).max().to_dict()


def hand_made():
    """Return five trades and seven quotes of two minutes."""

    def frame(rows, columns):
        clocks = pd.to_datetime([f"{DAY} {row[0]}" for row in rows]).tz_localize("America/New_York").tz_convert("UTC")
        made = pd.DataFrame([row[1:] for row in rows], columns=columns).assign(session=DAY, suspicious=False)
        made.insert(0, "timestamp", clocks.as_unit("us"))
        return made

    quotes = [
        ("09:30:00.000", "B", 10.00, 5), ("09:30:00.000", "A", 10.02, 7), ("09:30:10.000", "B", 10.01, 3),
        ("09:30:20.000", "A", 10.02, 9), ("09:30:30.000", "B", 10.00, 4), ("09:31:05.000", "A", 10.04, 6),
        ("09:31:06.000", "A", 99.00, 1),
    ]  # fmt: skip
    trades = [
        ("09:30:10.000", 10.02, 100, "1"), ("09:30:15.000", 10.015, 50, "20"), ("09:30:40.000", 10.00, 50, "1"),
        ("09:30:50.000", 10.02, 900, "40"), ("09:30:55.000", 12.00, 900, "100000"),
    ]  # fmt: skip
    quotes = frame(quotes, ["side", "price", "size"])
    quotes.loc[6, "suspicious"] = True
    return frame(trades, ["price", "size", "condition"]), quotes


def test_sides_and_spreads_of_hand_made_ticks():
    """The first trade bought at the quote before its own stamp, mid 10.01; the second, at the mid 10.015, sold, as the
    price fell; the third sold at mid 10.01. An auction has no side, an average price is not the market's.
    """
    table, signed = minute_table(*hand_made())
    assert signed["side"].tolist() == [1, -1, -1, 0]
    np.testing.assert_allclose(signed["mid"][:3], [10.01, 10.015, 10.01])
    first = table.iloc[0]
    assert (first["buy_volume"], first["sell_volume"]) == (100, 100)
    assert first["effective_spread_bps"] == pytest.approx((100 + 50) / 200 * 2e4 * 0.01 / 10.01)
    assert first["side_per_mid"] == pytest.approx((100 / 10.01 - 50 / 10.015 - 50 / 10.01) / 200)


def test_order_flow_of_hand_made_quotes():
    """Bid up: +3; more at the ask: 7 - 9; bid down: -3. The ask up: +9. The suspicious one does not count."""
    assert ticks.order_flow(hand_made()[1]).tolist() == [3 - 2 - 3, 9]


def test_trades_are_judged_five_bars_later():
    """Mids 10.01, 10.02, ... of the bars 1, 2, ...: in bar 6 the trades of bar 1 meet 10.06; bar 2 had none."""
    _, signed = minute_table(*hand_made())
    minutes = pd.date_range(f"{DAY} 13:30", periods=7, freq="min", tz="UTC", unit="us")
    result = ticks.split_spreads(signed, pd.Series(10.01 + 0.01 * np.arange(7), index=minutes))
    terms = [(100, 1, 10.02, 10.01), (50, -1, 10.015, 10.015), (50, -1, 10.00, 10.01)]
    realised = sum(2e4 * size * side * (price - 10.06) / mid for size, side, price, mid in terms) / 200
    adverse = sum(2e4 * size * side * (10.06 - mid) / mid for size, side, price, mid in terms) / 200
    assert result.iloc[5].tolist() == pytest.approx([realised, adverse])
    assert result.drop(minutes[5]).isna().all(axis=None)


def test_comparer_finds_planted_differences():
    table, _ = minute_table(*hand_made())
    frame = table.reset_index()
    assert largest_difference(frame, table) == dict.fromkeys([*MEASURED, "order_flow"], 0.0)
    frame.loc[0, "buy_volume"] += 1
    frame.loc[0, "side_per_mid"] = np.nan
    found = largest_difference(frame, table)
    assert (found["buy_volume"], found["side_per_mid"], found["order_flow"]) == (0.01, np.inf, 0.0)


def test_columns_equal_those_counted_trade_by_trade():
    trades, quotes = (frame[frame["session"] == DAY] for frame in read_ticks("IBM"))
    table, _ = minute_table(trades, quotes)
    market, standing = ticks.market_trades(trades), ticks.standing_quotes(quotes)
    for minute in table.index[[0, 1, 57, 200]]:
        counted = ticks.measured_minute(market, standing, minute)
        assert table.loc[minute, MEASURED].to_dict() == pytest.approx(counted, rel=1e-12), minute


def test_importer_finds_the_same_in_the_original_files():
    trades, quotes = (frame[frame["session"] == DAY] for frame in read_ticks("IBM"))
    table, _ = minute_table(trades, quotes)
    frame = imported(data_folder() / "raw-samples" / "lean" / "Data" / "equity" / "usa" / "tick", "IBM")
    assert len(frame) == len(table) == 390
    assert max(largest_difference(frame, table).values()) < 1e-10


def write_lean(folder, symbol, trades, quotes):
    """Write the ticks as LEAN keeps them: a zip a day; the side of a quote that did not change is 0."""
    place = folder / "equity" / "usa" / "tick" / symbol.lower()
    place.mkdir(parents=True)
    mine = quotes["side"] == "B"
    price = (quotes["price"] * 1e4).round().astype(int)
    columns = {"bid": price.where(mine, 0), "bid_size": quotes["size"].where(mine, 0)}
    columns |= {"ask": price.where(~mine, 0), "ask_size": quotes["size"].where(~mine, 0)}
    tables = {
        "trade": trades.assign(price=(trades["price"] * 1e4).round().astype(int))[["timestamp", "session", "price",
                               "size", "exchange", "condition", "suspicious"]],
        "quote": quotes[["timestamp", "session"]].assign(**columns).join(quotes[["exchange", "condition",
                                                                                 "suspicious"]]),
    }  # fmt: skip
    for kind, table in tables.items():
        local = table["timestamp"].dt.tz_convert("America/New_York")
        table = table.assign(timestamp=(local - local.dt.normalize()) // pd.Timedelta("1ms"))
        table["suspicious"] = table["suspicious"].astype(int)
        for day, rows in table.groupby("session"):
            name = f"{day:%Y%m%d}_{kind}"
            with zipfile.ZipFile(place / f"{name}.zip", "w") as archive:
                archive.writestr(f"{name}.csv", rows.drop(columns="session").to_csv(header=False, index=False))
    return folder


class Record(NamedTuple):
    """Three sessions of a symbol: from the importer, and counted here."""

    frame: pd.DataFrame
    bars: Bars
    table: pd.DataFrame
    signed: pd.DataFrame
    features: pd.DataFrame


@pytest.fixture(scope="module", params=["IBM", "BAC"])
def record(request, tmp_path_factory):
    trades, quotes = read_ticks(request.param)
    frame = imported(write_lean(tmp_path_factory.mktemp("lean"), request.param, trades, quotes), request.param)
    bars = to_grid(frame, request.param, "XNYS")
    features = pd.DataFrame(pipeline(*NAMES).compute(bars).values.astype(float), columns=list(NAMES))
    features.index = pd.to_datetime(bars.start_ns, utc=True).as_unit("us")
    return Record(frame, bars, *minute_table(trades, quotes), features)


@pytest.mark.slow
def test_importer_finds_the_same_in_three_sessions(record):
    assert len(record.frame) == len(record.table) == 3 * 390
    assert max(largest_difference(record.frame, record.table).values()) < 1e-10


@pytest.mark.slow
def test_spread_features_equal_those_of_the_trades(record):
    """Each trade is judged by the mid that stands five bars later; over night the gap is taken out, which is not done
    here: the first five bars of a session are left out.
    """
    bars, features = record.bars, record.features
    quotes = standing_quotes(bars, price_frame(bars)).set_axis(features.index)
    expected = ticks.split_spreads(record.signed, (quotes["bid"] + quotes["ask"]) / 2)
    late = bars.minute >= 5
    for name in expected:
        np.testing.assert_allclose(features[name][late], expected[name][late], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(features["eff_spread_bps"], record.table["effective_spread_bps"], rtol=1e-6)
    total = (features["realised_spread5"] + features["adverse_sel5"])[5:]
    np.testing.assert_allclose(total, features["eff_spread_bps"][:-5], atol=2e-4)


@pytest.mark.slow
def test_order_flow_feature_equals_that_of_the_quotes(record):
    quotes = standing_quotes(record.bars, price_frame(record.bars)).set_axis(record.features.index)
    depth = ((quotes["bid_size"] + quotes["ask_size"]) / 2).rolling(30).mean()
    np.testing.assert_allclose(record.features["ofi"], record.table["order_flow"] / depth, rtol=1e-5, atol=1e-5)
    moves = pd.Series(record.bars.close, index=record.features.index).diff()
    assert record.table["order_flow"].corr(moves) > 0.6  # prices follow the flow: 0.70 IBM, 0.67 BAC


@pytest.mark.slow
def test_vpin_of_bulk_classification_beside_that_of_signed_trades(record):
    """Bulk classification of one-minute bars gives whole minutes to one side: its VPIN is the larger one (0.25 and 0.26
    in the mean, against 0.14 and 0.21), while the sides themselves go together.
    """
    true = ticks.signed_vpin(record.signed, bucket_volumes(record.bars)).reindex(record.features.index)
    both = pd.DataFrame({"bulk": record.features["vpin"], "true": true}).dropna()
    assert len(both) == 2 * 390
    assert ((both > 0) & (both < 1)).all(axis=None)
    assert both["bulk"].mean() > both["true"].mean()
    bought, sold = record.table["buy_volume"], record.table["sell_volume"]
    assert ((bought - sold) / (bought + sold)).corr(record.features["signed_vol"]) > 0.25
