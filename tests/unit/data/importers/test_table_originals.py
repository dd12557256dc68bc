"""Originals of four sources against the uniform bars that were made from them elsewhere."""

import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.importers.table import load_table
from tests.unit.data.importers.samples import BARS, differences, imported, raw, request, uniform

PYALGOTRADE = ("pyalgotrade", "nt-spy-minute-2011-03-first-5000-lines.csv")
EQKER = ("eqker", "SPY_1min-without-2019-02-15.csv")
BIDASK = ("bidask", "msft-first-5000-lines.csv")
BLAIZARD = ("blaizard-market-data", "EXE-2024-first-4000-lines.csv")
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("source", "stated", "dataset", "columns", "rows", "outside"),
    [
        (PYALGOTRADE, {"symbols": ("SPY",), "zone": "UTC", "stamp": "end"}, "spy-2011", BARS, 2698, 2302),
        (EQKER, {"zone": NEW_YORK, "stamp": "end"}, "mixed-2019", BARS, 1560, 0),
        (BIDASK, {"zone": NEW_YORK}, "msft-2023", BARS, 1980, 3019),
        (BLAIZARD, {}, "midcaps-2024", [*BARS, "vwap"], 3928, 71),
    ],
    ids=["pyalgotrade", "eqker", "bidask", "blaizard"],
)
def test_real_original_equals_the_uniform_bars(source, stated, dataset, columns, rows, outside):
    [(symbol, bars)] = imported(raw(*source), format="table", **stated).items()
    reference = uniform("bars-1m", dataset, f"{symbol}.parquet")
    assert differences(bars.frame, reference, columns) == dict.fromkeys(columns, 0)
    first, last = bars.frame["timestamp"].iloc[[0, -1]]
    assert len(bars.frame) == rows == int(reference["timestamp"].between(first, last).sum())
    assert bars.counts == {"outside the sessions": outside, "repeated row": 0}


def test_real_original_comparison_notices_the_wrong_side():
    [bars] = imported(raw(*EQKER), format="table", zone=NEW_YORK, stamp="start").values()
    reference = uniform("bars-1m", "mixed-2019", "SPY.parquet")
    assert len(bars.frame) == 1556  # the four bars that end at the close fell out
    assert differences(bars.frame, reference, ["close"])["close"] > 1000


@pytest.mark.parametrize(
    ("source", "stated", "roles", "stamps", "order", "symbol"),
    [
        (PYALGOTRADE, {"zone": "UTC"}, {"close": "column 4"}, "YYYYMMDD HHMMSS without a zone", "oldest first", None),
        (EQKER, {"zone": NEW_YORK}, {"timestamp": "datetime"}, "YYYY-MM-DD HH:MM:SS", "newest first", "SPY"),
        (BIDASK, {"zone": NEW_YORK}, {"open": "MSFT.Open"}, "YYYY-MM-DD HH:MM:SS", "oldest first", "MSFT"),
        (BLAIZARD, {}, {"vwap": "price", "timestamp": "timestamp"}, "milliseconds since 1970", "oldest first", "EXE"),
    ],
    ids=["pyalgotrade", "eqker", "bidask", "blaizard"],
)
def test_real_original_is_described_as_its_readme_says(source, stated, roles, stamps, order, symbol):
    file = raw(*source)
    table = load_table(file, request(file, **stated))
    assert roles.items() <= table.roles.found.items()
    assert table.stamps.startswith(stamps)
    assert table.order == order
    assert set(table.frame["symbol"]) == {symbol or file.stem}
    assert (table.own_zone is None) == ("zone" in stated)


def test_real_daily_bars_are_refused_in_one_line():
    with pytest.raises(DataError, match=r"\.csv: holds daily bars, but one-minute bars are needed; [^\n]+$"):
        imported(raw("finance-vix", "vix-daily-first-4000-lines.csv"), format="table")
