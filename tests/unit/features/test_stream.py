"""Live and history are equal bit for bit."""

import numpy as np
import pytest

from intraday_rl.core.errors import FeatureError, ParameterError
from intraday_rl.data import read_bars, to_grid
from intraday_rl.data.bars import OPTIONAL_COLUMNS
from intraday_rl.features import PRESETS, FeatureStream, MinuteBar, NextSession
from tests.support.real_data import data_folder
from tests.unit.features.feature_bars import pipeline, random_bars

DAY = np.datetime64("2024-01-03")


def minute_bar(bars, t):
    return MinuteBar(*(float(getattr(bars, name)[t]) for name in MinuteBar._fields)) if bars.traded[t] else None


def streamed_session(features, bars, session):
    """Return the values and valid flags of one session, streamed after the sessions before it."""
    rows = range(bars.sessions.first[session], bars.sessions.first[session + 1])
    day = NextSession(len(rows), bars.sessions.date[session])
    stream = FeatureStream(features, bars.take_sessions(0, session), day)
    results = [stream.update(minute_bar(bars, t)) for t in rows]
    return np.array([values for values, _ in results]), np.array([valid for _, valid in results])


def assert_stream_equals_batch(bars, sessions):
    features = pipeline(*PRESETS["ext54"])
    table = features.compute(bars)
    for session in sessions:
        rows = slice(bars.sessions.first[session], bars.sessions.first[session + 1])
        values, valid = streamed_session(features, bars, session)
        assert values.tobytes() == table.values[rows].tobytes()
        assert valid.tolist() == table.valid[rows].tolist()


def test_stream_equals_batch_on_gaps_half_days_and_quotes(empty_cache):
    bars = random_bars([390, 390, 210, 390], seed=81, untraded=0.2, optional=OPTIONAL_COLUMNS)
    assert_stream_equals_batch(bars, [1, 2, 3])


def test_stream_equals_batch_on_spy(empty_cache):
    """Sessions of June and July 2024, with the half-day of 3 July."""
    frame = read_bars(data_folder() / "bars-1m" / "spy-2024" / "SPY.parquet")
    frame = frame[frame["timestamp"].between("2024-06-24", "2024-07-06")]
    bars = to_grid(frame, "SPY", "XNYS")
    assert bars.sessions.minutes.tolist() == [390] * 7 + [210, 390]
    assert_stream_equals_batch(bars, [1, 7, 8])


def test_stream_takes_as_many_minutes_as_the_session_has():
    stream = FeatureStream(pipeline("rsi14"), random_bars([390]), NextSession(2, DAY))
    assert [stream.update(None)[1] for _ in range(2)] == [False, False]
    with pytest.raises(FeatureError, match="the session has 2 minutes"):
        stream.update(None)


def test_stream_needs_a_session():
    with pytest.raises(ParameterError, match=r"FeatureStream\.session\.minutes must be >= 1 .minutes., was 0"):
        FeatureStream(pipeline("rsi14"), random_bars([390]), NextSession(0, DAY))
