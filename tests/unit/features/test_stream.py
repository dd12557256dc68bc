"""Live and history are equal bit for bit."""

import numpy as np
import pytest

from intraday_rl.core.errors import FeatureError, ParameterError
from intraday_rl.data import read_bars, read_daily_closes, to_grid
from intraday_rl.data.bars import OPTIONAL_COLUMNS
from intraday_rl.features import (
    PRESETS,
    REGIMES,
    CrossAsset,
    FeaturePipeline,
    FeatureStream,
    MinuteBar,
    NextSession,
    ReferenceMinute,
    References,
)
from intraday_rl.features.pipeline import DEFAULT_FAMILIES
from intraday_rl.features.references import NO_REFERENCES
from intraday_rl.features.sources import SMT_FEATURES, VIX_FEATURES, VIX_MINUTE_FEATURES
from tests.support.real_data import data_folder
from tests.unit.features.feature_bars import pipeline, random_bars

DAY = np.datetime64("2024-01-03")


def minute_bar(bars, t):
    return MinuteBar(*(float(getattr(bars, name)[t]) for name in MinuteBar._fields)) if bars.traded[t] else None


def reference_minute(columns, t):
    return ReferenceMinute(*(float(column[t]) if len(column) else np.nan for column in columns))


def streamed_session(features, bars, session, references):
    """Return the values and valid flags of one session, streamed after the sessions before it."""
    rows = range(bars.sessions.first[session], bars.sessions.first[session + 1])
    day = NextSession(len(rows), bars.sessions.date[session])
    past = [
        minutes and minutes.take_sessions(0, session)
        for minutes in (references.leader, references.follower, references.vix_minutes)
    ]
    history = References(past[0], past[1], references.vix_daily, past[2])
    stream = FeatureStream(features, bars.take_sessions(0, session), day, history)
    columns = references.columns(bars)
    results = [stream.update(minute_bar(bars, t), reference_minute(columns, t)) for t in rows]
    return np.array([values for values, _ in results]), np.array([valid for _, valid in results])


def assert_stream_equals_batch(bars, sessions, features=None, references=NO_REFERENCES):
    features = features or pipeline(*PRESETS["ext54"], *REGIMES)
    table = features.compute(bars, references)
    for session in sessions:
        rows = slice(bars.sessions.first[session], bars.sessions.first[session + 1])
        values, valid = streamed_session(features, bars, session, references)
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


@pytest.mark.parametrize("symbol", ["IBM", "BAC"])
def test_stream_equals_batch_on_quotes_and_trade_counts(empty_cache, symbol):
    """Four sessions of October 2013. Trades are counted from the second on: a history without any would be another
    record, on which the model is refused."""
    bars = to_grid(read_bars(data_folder() / "bars-1m" / "lean-equity" / f"{symbol}.parquet"), symbol, "XNYS")
    assert pipeline("ofi", "spread_bps").sources(bars) == {"ofi": "quotes", "spread_bps": "quotes"}
    assert_stream_equals_batch(bars, [2, 3])


def test_stream_equals_batch_on_a_thin_name(empty_cache):
    """Minutes without a trade, two weeks of 2024."""
    frame = read_bars(data_folder() / "bars-1m" / "midcaps-2024" / "LII.parquet")
    bars = to_grid(frame[frame["timestamp"].between("2024-07-01", "2024-07-13")], "LII", "XNYS")
    assert 0.2 < bars.traded.mean() < 0.8
    assert_stream_equals_batch(bars, [1, 2, 8])


def test_stream_equals_batch_with_other_symbols_and_the_vix(empty_cache):
    """GLD beside SPY, QQQ and the VIX, February 2019."""
    folder = data_folder()
    files = {name: folder / "bars-1m" / "mixed-2019" / f"{name}.parquet" for name in ("GLD", "SPY", "QQQ")}
    bars = {name: to_grid(read_bars(file), name, "XNYS") for name, file in files.items()}
    daily = read_daily_closes(folder / "daily" / "vix" / "VIX.parquet")
    minutes = to_grid(read_bars(folder / "index-1m" / "mixed-2019" / "VIX.parquet"), "VIX", "XNYS")
    names = (*PRESETS["ext54"], *SMT_FEATURES, *VIX_FEATURES, *VIX_MINUTE_FEATURES)
    features = FeaturePipeline(families=(*DEFAULT_FAMILIES, CrossAsset()), names=names, base_spread=0.01)
    assert_stream_equals_batch(bars["GLD"], [1, 3], features, References(bars["SPY"], bars["QQQ"], daily, minutes))


def test_stream_takes_as_many_minutes_as_the_session_has():
    stream = FeatureStream(pipeline("rsi14"), random_bars([390]), NextSession(2, DAY))
    assert [stream.update(None)[1] for _ in range(2)] == [False, False]
    with pytest.raises(FeatureError, match="the session has 2 minutes"):
        stream.update(None)


def test_stream_needs_a_session():
    with pytest.raises(ParameterError, match=r"FeatureStream\.session\.minutes must be >= 1 .minutes., was 0"):
        FeatureStream(pipeline("rsi14"), random_bars([390]), NextSession(0, DAY))
