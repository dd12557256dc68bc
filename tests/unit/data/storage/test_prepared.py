"""Prepared bars: read once, found again by the files' bytes and by what was asked."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data import to_grid
from intraday_rl.data.bars import REQUIRED_COLUMNS
from intraday_rl.data.storage import prepared
from tests.unit.data.frames import good_frame


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))


@pytest.fixture
def reader(tmp_path):
    """Return a function that prepares a file's bars, and the list of its readings."""
    readings = []

    def prepare(file, question="XNYS"):
        def load():
            readings.append(file.name)
            return to_grid(pd.read_parquet(file), "SPY", "XNYS"), ["a note"]

        bars, notes = prepared.prepared_bars([file], question, load)
        assert notes == ["a note"]
        return bars

    good_frame((0, 2, 5)).assign(vwap=100.0).to_parquet(tmp_path / "a.parquet")
    return prepare, readings, tmp_path / "a.parquet"


def test_bars_are_read_once_and_come_back_equal(reader):
    prepare, readings, file = reader
    first, second = prepare(file), prepare(file)
    expected = to_grid(pd.read_parquet(file), "SPY", "XNYS")
    assert readings == ["a.parquet"]
    for bars in (first, second):
        for field in dataclasses.fields(expected)[2:]:
            np.testing.assert_array_equal(getattr(bars, field.name), getattr(expected, field.name))
        assert bars.symbol == "SPY"
        assert bars.sessions.date.tolist() == expected.sessions.date.tolist()
        assert bars.fingerprint == expected.fingerprint == dataclasses.replace(bars).fingerprint
        assert [bars.has(name) for name in ("vwap", "ask_size")] == [True, False]


def test_other_bytes_and_other_questions_are_read(reader, monkeypatch):
    prepare, readings, file = reader
    prepare(file)
    prepare(file, "XNYS, from 2024-07-03")
    good_frame((0, 2, 6)).to_parquet(file)
    prepare(file)
    monkeypatch.setattr(prepared, "code_digest", lambda *parts: "other")
    prepare(file)
    assert len(readings) == 4


def test_absent_columns_are_not_kept(reader, tmp_path):
    prepare, _, file = reader
    prepare(file)
    names = {path.stem for path in (tmp_path / "cache").rglob("*.npy")}
    assert names == {*REQUIRED_COLUMNS, "vwap", "bid", "ask", "traded", "date", "open_ns", "close_ns"}
