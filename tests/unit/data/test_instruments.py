"""Instruments refuse what cannot be traded."""

import dataclasses

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.data import Instrument

SPY = Instrument(name="SPY", tick_size=0.01, multiplier=1.0, calendar="XNYS")


def test_instrument_share_and_future_pass():
    SPY.check()
    Instrument(name="MES", tick_size=0.25, multiplier=5.0, calendar="CMES").check()


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("calendar", ""), ("tick_size", 0.0), ("multiplier", float("nan"))]
)
def test_instrument_impossible_field_is_named(field, value):
    with pytest.raises(ParameterError, match=rf"^Instrument\.{field} must "):
        dataclasses.replace(SPY, **{field: value}).check()
