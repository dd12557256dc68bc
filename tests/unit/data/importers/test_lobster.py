"""LOBSTER files made by hand and the sample day of Amazon against the uniform bars."""

import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.importers.ticks import aggressor_side, quote_before
from tests.unit.data.importers.samples import BARS, QUOTES, differences, imported, raw, uniform

STEM = "ABC_2024-07-08_34200000_57600000"


def write(folder, messages, book):
    (folder / f"{STEM}_message_1.csv").write_text("".join(f"{row}\n" for row in messages))
    (folder / f"{STEM}_orderbook_1.csv").write_text("".join(f"{row}\n" for row in book))
    return folder


STILL = "1001000,300,999000,500"  # ask 100.10 x 300, bid 99.90 x 500
MESSAGES = [
    "34200.000000001,1,11,500,999000,1",
    "34200.5,4,12,100,1001000,-1",  # a sell order is hit: a buyer
    "34201.25,5,0,200,1000500,1",  # a hidden buy order is hit, above the mid: a seller all the same
    "34202.0,2,11,100,999000,1",  # 100 less at the bid
    "34203.0,6,-1,900,1000000,-1",  # a cross has no aggressor
    "34204.0,7,0,0,-1,-1",
]
BOOK = [STILL, STILL, STILL, "1001000,300,999000,400", "1001000,300,999000,400", "1001000,300,999000,400"]


def test_lobster_sides_are_those_of_the_aggressors(tmp_path):
    bars = imported(write(tmp_path, MESSAGES, BOOK))["ABC"]
    row = bars.frame.iloc[0]
    assert row[["open", "high", "low", "close", "volume"]].tolist() == [100.1, 100.1, 100.0, 100.0, 1200]
    assert row[["buy_volume", "sell_volume", "order_flow"]].tolist() == [100.0, 200.0, -100.0]
    assert row[["bid", "bid_size", "ask", "ask_size"]].tolist() == [99.9, 400.0, 100.1, 300.0]
    # the mid is 100.00: the buyer pays 0.10, the seller gains 0.05
    assert row["effective_spread_bps"] == pytest.approx(2e4 * (100 * 0.1 - 200 * 0.05) / 300 / 100, abs=1e-9)
    assert bars.counts == {"message of a trading halt": 1, "trade without an aggressor (auction)": 1}


def test_lobster_empty_level_of_the_book_is_null(tmp_path):
    book = [*BOOK[:-1], "9999999999,0,999000,400"]
    row = imported(write(tmp_path, MESSAGES, book))["ABC"].frame.iloc[0]
    assert row["bid"] == 99.9
    assert np.isnan(row["ask"])
    assert np.isnan(row["ask_size"])


def test_lobster_one_file_finds_its_partner(tmp_path):
    write(tmp_path, MESSAGES, BOOK)
    assert list(imported(tmp_path / f"{STEM}_orderbook_1.csv")) == ["ABC"]


@pytest.mark.parametrize(
    ("messages", "book", "message"),
    [
        (MESSAGES, BOOK[:-1], "must have a row for each of the 6 messages, has 5"),
        (["34200.0,4,1,5,1001000"], [STILL], "must have 6 columns"),
        (["34200.0,4,1,5,0,1"], [STILL], "row 0: price must be > 0 for a trade, was 0"),
        (["34200.0,4,1,5,7,3"], [STILL], "row 0: direction must be 1 or -1, was 3"),
        ([MESSAGES[1], MESSAGES[0]], BOOK[:2], "row 1: seconds must not decrease from row to row"),
        (["99999.0,4,1,5,7,1"], [STILL], "row 0: seconds must be in [0, 86400), was 99999.0"),
        (MESSAGES[:1], ["1001000,300,-5,500"], "row 0: bid must be > 0, was -5"),
        (MESSAGES[:1], ["1001000,300"], "cannot be read as a table"),
        (MESSAGES[:1], [], "must hold rows, is empty"),
    ],
)
def test_lobster_bad_rows_are_refused_in_one_line(tmp_path, messages, book, message):
    with pytest.raises(DataError) as caught:
        imported(write(tmp_path, messages, book))
    assert message in str(caught.value)
    assert STEM in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lobster_lonely_file_and_unknown_symbol_are_refused(tmp_path):
    write(tmp_path, MESSAGES, BOOK)
    with pytest.raises(DataError, match=r"has no symbol ABD \(did you mean ABC\?\); it holds ABC"):
        imported(tmp_path, symbols=("ABD",))
    (tmp_path / f"{STEM}_message_1.csv").unlink()
    with pytest.raises(DataError, match="ABC 2024-07-08 has no message file; put it beside the other one"):
        imported(tmp_path)


def test_lobster_same_table_twice_is_refused(tmp_path):
    write(tmp_path, MESSAGES, BOOK)
    with zipfile.ZipFile(tmp_path / "LOBSTER_again.zip", "w") as archive:
        archive.write(tmp_path / f"{STEM}_message_1.csv", f"{STEM}_message_1.csv")
    with pytest.raises(DataError, match="is there a second time, as "):
        imported(tmp_path)


def test_lobster_broken_zip_is_refused(tmp_path):
    file = tmp_path / "LOBSTER_SampleFile.zip"
    file.write_bytes(b"PK")
    with pytest.raises(DataError, match="cannot be read as a zip"):
        imported(file)


@pytest.fixture(scope="module")
def amazon():
    return imported(raw("lobster", "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"))["AMZN"]


def test_lobster_sample_day_equals_the_uniform_bars(amazon):
    reference = uniform("bars-1m", "lobster-2012", "AMZN.parquet")
    exact = [*BARS, *QUOTES, "trade_count", "buy_volume", "sell_volume"]
    found = differences(amazon.frame, reference, exact)
    # The day's first message is a trade of one share, bought before the first row of the book: it has no quote.
    assert {name: count for name, count in found.items() if count} == {"buy_volume": 1}
    assert reference["buy_volume"][0] - amazon.frame["buy_volume"][0] == 1
    assert amazon.counts == {"trade before the session's first quote": 1}
    assert len(amazon.frame) == len(reference)
    # the reference is written with six digits after the point
    np.testing.assert_allclose(amazon.frame["vwap"], reference["vwap"], atol=6e-7, rtol=0)


def test_lobster_measured_columns_agree_with_a_count_of_trades(amazon):
    sides = amazon.frame[["buy_volume", "sell_volume"]].sum(axis=1)
    assert (amazon.frame["volume"] - sides).tolist() == [1] + [0] * (len(amazon.frame) - 1)
    assert amazon.frame["order_flow"].notna().all()


def test_lobster_excerpt_equals_the_beginning_of_the_day(amazon, tmp_path):
    for file in raw("lobster", "excerpt-5000-rows").iterdir():
        shutil.copy(file, tmp_path)
    excerpt = imported(tmp_path)["AMZN"].frame
    columns = [name for name in excerpt if name not in ("timestamp", "symbol")]
    assert not any(differences(excerpt[:-1], amazon.frame, columns).values())  # the last minute is cut off


def test_inferred_sides_against_the_true_ones_of_a_day():
    with zipfile.ZipFile(raw("lobster", "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip")) as archive:
        message, book = (
            pd.read_csv(archive.open(f"AMZN_2012-06-21_34200000_57600000_{kind}_5.csv"), header=None, usecols=range(6))
            for kind in ("message", "orderbook")
        )
    stamps = pd.DataFrame({"time_ns": (message[0] * 1e9).round().astype("int64"), "session": 0})
    row = quote_before(stamps, stamps)
    known = message[1].isin((4, 5)).to_numpy() & (row >= 0)
    mid = ((book[0] + book[2]) / 2).to_numpy()[row[known]]
    price, true_side = message[4].to_numpy(dtype=float)[known], -message[5].to_numpy()[known]
    right = aggressor_side(price, mid, np.zeros(known.sum(), dtype=np.int64)) == true_side
    visible = message[1].to_numpy()[known] == 4
    assert (visible.sum(), right[visible].sum()) == (8974, 8974)  # they lie at the best bid or ask
    assert right[~visible].mean() > 0.85  # hidden orders lie between them, also at the mid
