"""The bar table: shapes, cuts, frames and fingerprints."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data import Bars, to_grid
from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from tests.unit.data.frames import good_frame


@pytest.fixture
def bars():
    days = [good_frame((0, 2)), good_frame((1,), start="2024-07-03 13:30"), good_frame((3,), start="2024-07-05 13:30")]
    return to_grid(pd.concat(days), "SPY", "XNYS")


def test_bars_of_another_length_are_refused(bars):
    with pytest.raises(DataError, match=r"Bars.close of SPY must have the shape \(990,\), was \(989,\)"):
        dataclasses.replace(bars, close=bars.close[1:])


def test_bars_take_sessions_keeps_their_rows(bars):
    taken = bars.take_sessions(1, 3)
    assert taken.sessions.date.astype(str).tolist() == ["2024-07-03", "2024-07-05"]
    assert taken.sessions.first.tolist() == [0, 210, 600]
    assert taken.traded.nonzero()[0].tolist() == [1, 213]
    np.testing.assert_array_equal(taken.start_ns, bars.start_ns[390:])
    np.testing.assert_array_equal(taken.close, bars.close[390:])


def test_bars_to_frame_holds_the_traded_minutes_and_comes_back(bars):
    frame = bars.to_frame()
    assert frame["timestamp"].dt.strftime("%m-%d %H:%M").tolist() == [
        "07-02 13:30", "07-02 13:32", "07-03 13:31", "07-05 13:33",
    ]  # fmt: skip
    assert [str(day) for day in frame["session"]] == ["2024-07-02", "2024-07-02", "2024-07-03", "2024-07-05"]
    assert frame["close"].tolist() == [100.0, 101.0, 100.0, 100.0]
    assert to_grid(frame, "SPY", "XNYS").fingerprint == bars.fingerprint


def test_bars_fingerprint_changes_with_each_part(bars):
    same = dataclasses.replace(bars, close=bars.close.copy())
    assert same.fingerprint == bars.fingerprint
    variants = [dataclasses.replace(bars, symbol="QQQ"), bars.take_sessions(0, 2)]
    for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS):
        changed = getattr(bars, name).copy()
        changed[2] = 7.0
        variants.append(dataclasses.replace(bars, **{name: changed}))
    variants.append(dataclasses.replace(bars, traded=~bars.traded))
    fingerprints = {bars.fingerprint, *(variant.fingerprint for variant in variants)}
    assert len(fingerprints) == len(variants) + 1


def test_bars_on_grid_needs_the_required_columns(bars):
    with pytest.raises(KeyError):
        Bars.on_grid("SPY", bars.sessions, {"close": bars.close}, bars.traded)
