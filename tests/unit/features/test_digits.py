"""A million bars lose no digits."""

import math

import numpy as np
import pytest

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.features.engine import COLUMNS, Fits
from intraday_rl.features.rolling import SUM
from tests.unit.features.feature_bars import pipeline, random_bars
from tests.unit.features.test_pipeline import WITHOUT_FITS

pytestmark = pytest.mark.skipif(JIT_DISABLED, reason="a million bars take minutes as plain Python")

SESSIONS, LAST = 2565, 30
PHASE = ("vpin",)  # depends on where its buckets happened to start


@pytest.fixture(scope="module")
def long_run():
    """Return 1,000,350 bars, their fits, and the memory after them."""
    bars = random_bars([390] * SESSIONS, seed=91)
    features = pipeline(*WITHOUT_FITS)
    fits = features.fit(bars, None)
    return bars, fits, features.run(bars, fits)[1]


def windows(memory):
    """Yield (values in the window, running sums) of every running sum in the memory."""
    for state in memory[:-1]:
        record = state[0]
        yield from windows_of(record, state.dtype)


def windows_of(record, dtype):
    for name, (inner, *_) in (dtype.fields or {}).items():
        if inner == SUM:
            count = int(record[name]["count"])
            yield record[name]["values"][:count, None], np.array([record[name]["total"]])
        elif inner.names and "rows" in inner.names:
            yield record[name]["rows"], record[name]["sums"]["vector"]
        elif inner.names:
            yield from windows_of(record[name], inner)


def test_running_sums_equal_the_sums_of_their_windows(long_run):
    found = list(windows(long_run[2]))
    assert len(found) == 15
    for values, sums in found:
        for column, total in zip(values.T, sums, strict=True):
            assert total == pytest.approx(math.fsum(column), abs=1e-13 * np.abs(column).sum())


def test_last_row_equals_that_of_a_memory_that_saw_the_last_sessions_only(long_run):
    bars, fits, memory = long_run
    features = pipeline(*WITHOUT_FITS)
    last = bars.take_sessions(SESSIONS - LAST, SESSIONS)
    _, fresh = features.run(last, Fits(fits.sessions[-LAST:], fits.minutes[-LAST:]))
    for name in COLUMNS:
        if name in WITHOUT_FITS and name not in PHASE:
            assert memory.row[name][0] == pytest.approx(fresh.row[name][0], rel=1e-9, abs=1e-11), name
