"""`settle`: cash, position, entry price, round trips and drawdown along one hand-computed session.

10,000 USD, every fill pays 1.00 of commission:

buy  100 at 10.00, close 10.10: cash 10,000 - 1,000 - 1 = 8,999; NAV 8,999 + 1,010 = 10,009
buy   50 at 10.40, close 10.40: cash 8,999 - 520 - 1 = 8,478; NAV 8,478 + 1,560 = 10,038; entry 1,520 / 150
sell  60 at 10.20, close 10.00: cash 8,478 + 612 - 1 = 9,089; NAV 9,089 + 900 = 9,989; drawdown 49
sell 190 at  9.90, close  9.80: cash 9,089 + 1,881 - 1 = 10,969; NAV 10,969 - 980 = 9,989: now short 100
buy  100 at  9.70, close  9.75: cash 10,969 - 970 - 1 = 9,998; NAV 9,998; drawdown 40
"""

import numpy as np
import pytest

from intraday_rl.core import structs
from intraday_rl.core.errors import ParameterError
from intraday_rl.market.advance import settle, store_fill
from intraday_rl.market.rows import Contract, FillRow
from tests.support.rows import account_record, bar_row


def fill_of(quantity, price, commission=1.0):
    return FillRow(quantity, quantity, price, price, price, commission, 0.0, 0.0, 0.0)


def new_account(cash=10_000.0):
    return account_record(cash=cash, nav=cash, start_nav=cash, high_water_mark=cash)[0]


def book(account, quantity, price, close, multiplier=1.0, commission=1.0):
    settle(account, fill_of(quantity, price, commission), bar_row(), bar_row(close=close), multiplier)


STEPS = [
    # quantity, price, close, cash, position, NAV, entry price, bars held, round trips, drawdown
    (100, 10.00, 10.10, 8_999, 100, 10_009, 10.00, 1, 0, 0.0),
    (50, 10.40, 10.40, 8_478, 150, 10_038, 1_520 / 150, 2, 0, 0.0),
    (-60, 10.20, 10.00, 9_089, 90, 9_989, 1_520 / 150, 3, 0, 0.0049),
    (-190, 9.90, 9.80, 10_969, -100, 9_989, 9.90, 1, 1, 0.0049),
    (100, 9.70, 9.75, 9_998, 0, 9_998, 0.0, 0, 2, 0.0040),
]


def test_settle_books_open_add_reduce_flip_and_close():
    account = new_account()
    for quantity, price, close, cash, position, nav, entry, held, trips, drawdown in STEPS:
        book(account, quantity, price, close)
        assert account["cash"] == pytest.approx(cash, abs=1e-9)
        assert account["position"] == position
        assert account["nav"] == pytest.approx(nav, abs=1e-9)
        assert account["entry_price"] == pytest.approx(entry, rel=1e-14)
        assert account["bars_held"] == held
        assert account["round_trips"] == trips
        assert account["drawdown"] == pytest.approx(drawdown, abs=1e-12)
    assert account["high_water_mark"] == pytest.approx(10_038.0, abs=1e-9)
    assert account["max_drawdown"] == pytest.approx(0.0049, abs=1e-12)
    assert account["traded_notional"] == pytest.approx(1_000 + 520 + 612 + 1_881 + 970, abs=1e-9)
    assert account["in_market_bars"] == 4


def test_settle_of_a_short_mirrors_the_long():
    account = new_account()
    book(account, -100, 10.00, 9.90)  # cash 10,000 + 1,000 - 1 = 10,999; NAV 10,999 - 990
    assert account["nav"] == pytest.approx(10_009.0, abs=1e-9)
    book(account, -50, 9.60, 9.60)  # entry (1,000 + 480) / 150
    assert account["entry_price"] == pytest.approx(1_480 / 150, rel=1e-14)
    book(account, 200, 9.50, 9.50)  # flips to long 50
    assert (account["position"], account["entry_price"], account["round_trips"]) == (50.0, 9.50, 1)


def test_settle_counts_the_multiplier():
    account = new_account(50_000.0)
    book(account, 2, 5_000.0, 5_004.0, multiplier=5.0, commission=1.24)
    assert account["cash"] == pytest.approx(50_000.0 - 50_000.0 - 1.24, abs=1e-9)
    assert account["nav"] == pytest.approx(50_000.0 + 2 * 5 * 4.0 - 1.24, abs=1e-9)
    assert account["traded_notional"] == 50_000.0


def test_settle_without_a_fill_only_marks():
    account = new_account()
    book(account, 100, 10.00, 10.00, commission=0.0)
    book(account, 0.0, 0.0, 9.50, commission=0.0)
    assert (account["cash"], account["position"], account["entry_price"]) == (9_000.0, 100.0, 10.0)
    assert account["nav"] == 9_950.0
    assert account["drawdown"] == pytest.approx(0.005, abs=1e-12)
    assert (account["bars_held"], account["in_market_bars"], account["round_trips"]) == (2, 2, 0)


def test_settle_measures_drawdown_from_the_mark_by_the_start():
    account = new_account()
    book(account, 100, 100.0, 110.0, commission=0.0)  # NAV 11,000: the new high-water mark
    book(account, 0.0, 0.0, 99.0, commission=0.0)  # NAV 9,900: 1,100 of 10,000, not of 11,000
    assert account["drawdown"] == pytest.approx(0.11, abs=1e-12)
    book(account, 0.0, 0.0, 105.0, commission=0.0)
    assert account["drawdown"] == pytest.approx(0.05, abs=1e-12)
    assert account["max_drawdown"] == pytest.approx(0.11, abs=1e-12)


def test_store_fill_writes_every_field():
    fill = FillRow(*(float(i) for i in range(1, len(FillRow._fields) + 1)))
    records = structs.empty(FillRow, 1)
    store_fill(records[0], fill)
    np.testing.assert_array_equal([records[name][0] for name in FillRow._fields], list(fill))


@pytest.mark.parametrize("multiplier", [0.0, -5.0, float("nan")])
def test_contract_refuses_a_multiplier_that_is_not_positive(multiplier):
    with pytest.raises(ParameterError, match=r"Contract\.multiplier must be > 0 \(USD per price unit\)"):
        Contract(multiplier).check()
