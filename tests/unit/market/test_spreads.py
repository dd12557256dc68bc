"""Half-spread: the quote standing at the decision, else the base spread."""

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.spreads import QuotedSpread, quoted_half_spread
from tests.support.rows import bar_row

SPREAD = QuotedSpread(base_spread=0.01, multiple=1.0)


def test_half_spread_is_half_of_the_quote_at_the_decision():
    assert quoted_half_spread(SPREAD, bar_row(quoted_spread=0.04), bar_row(quoted_spread=0.10)) == 0.02


def test_half_spread_without_a_quote_is_half_of_the_base():
    assert quoted_half_spread(SPREAD, bar_row(quoted_spread=np.nan), bar_row(quoted_spread=0.10)) == 0.005


@pytest.mark.parametrize("base", [-0.01, float("nan"), float("inf")])
def test_spread_refuses_a_base_that_is_no_spread(base):
    with pytest.raises(ParameterError, match=r"QuotedSpread\.base_spread must be >= 0 \(price units\)"):
        QuotedSpread(base, 1.0).check()
