"""Half-spread: the quote standing at the decision, else the base spread, as it is or widened by the fill bar."""

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.rows import Stress
from intraday_rl.market.spreads import QuotedSpread, WideningSpread, quoted_half_spread, widening_half_spread
from tests.support.rows import bar_row

SPREAD = QuotedSpread(base_spread=0.01, multiple=1.0)
WIDENING = WideningSpread(base_spread=0.01, widest=5.0, multiple=1.0)


def test_half_spread_is_half_of_the_quote_at_the_decision():
    assert quoted_half_spread(SPREAD, bar_row(quoted_spread=0.04), bar_row(quoted_spread=0.10)) == 0.02


def test_half_spread_without_a_quote_is_half_of_the_base():
    assert quoted_half_spread(SPREAD, bar_row(quoted_spread=np.nan), bar_row(quoted_spread=0.10)) == 0.005


@pytest.mark.parametrize("base", [-0.01, float("nan"), float("inf")])
def test_spread_refuses_a_base_that_is_no_spread(base):
    with pytest.raises(ParameterError, match=r"QuotedSpread\.base_spread must be >= 0 \(price units\)"):
        QuotedSpread(base, 1.0).check()


@pytest.mark.parametrize(
    ("widening", "expected"),
    [(1.0, 0.005), (2.5, 0.0125), (5.0, 0.025), (7.5, 0.025), (1e9, 0.025)],  # 5 times the base at most
)
def test_base_spread_widens_up_to_the_widest(widening, expected):
    half = widening_half_spread(WIDENING, bar_row(widening=3.0), bar_row(widening=widening))
    assert half == pytest.approx(expected, rel=1e-14)


def test_quote_is_as_wide_as_its_market_already():
    assert widening_half_spread(WIDENING, bar_row(quoted_spread=0.04), bar_row(widening=7.5)) == 0.02


def test_widest_of_one_never_widens():
    narrow = WIDENING._replace(widest=1.0)
    assert widening_half_spread(narrow, bar_row(), bar_row(widening=7.5)) == 0.005


@pytest.mark.parametrize(
    ("half_spread", "params"), [(quoted_half_spread, SPREAD), (widening_half_spread, WIDENING)], ids=["quoted", "base"]
)
def test_multiple_is_of_the_quote_and_of_the_base(half_spread, params):
    twice = params._replace(multiple=2.0)
    assert half_spread(twice, bar_row(quoted_spread=0.04), bar_row()) == 0.04
    assert half_spread(twice, bar_row(), bar_row(widening=1.0)) == 0.01
    assert params.stressed(Stress(2.0, 5.0, 0.5)) == twice  # latency and volume are others' business


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"base_spread": -0.01}, "base_spread"), ({"widest": 0.9}, "widest"), ({"multiple": -1.0}, "multiple")],
)
def test_widening_refuses_what_is_no_spread(changes, name):
    with pytest.raises(ParameterError, match=rf"WideningSpread\.{name} must be >="):
        WIDENING._replace(**changes).check()
