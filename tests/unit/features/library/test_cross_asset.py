"""Divergence of two references and the VIX: by their definitions with pandas, and by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError, FeatureError
from intraday_rl.data import DailyCloses, read_bars, read_daily_closes, to_grid
from intraday_rl.features import CrossAsset, FeaturePipeline, References
from intraday_rl.features.sources import SMT_FEATURES, VIX_FEATURES, VIX_MINUTE_FEATURES
from tests.support.real_data import data_folder
from tests.unit.features.feature_bars import gap_removed, make_sessions, on_grid, over_returns, random_bars

ALL = (*SMT_FEATURES, *VIX_FEATURES, *VIX_MINUTE_FEATURES)
TRADED = random_bars([390, 390, 210], seed=51, untraded=0.3)
LEADER = random_bars([390, 390, 210], seed=52, untraded=0.05)
FOLLOWER = random_bars([390, 390, 210], seed=53, untraded=0.05)
MINUTES = random_bars([390, 390, 210], seed=54, untraded=0.1)
DAYS = np.datetime64("2024-01-02") + np.arange(-40, 10)
VIX = DailyCloses("vix.parquet", DAYS, 15.0 + np.arange(50.0) % 7)
REFERENCES = References(LEADER, FOLLOWER, VIX, MINUTES)


def compute(bars, references, *names):
    pipeline = FeaturePipeline(families=(CrossAsset(),), names=names, base_spread=0.01)
    return pd.DataFrame(pipeline.compute(bars, references).values, columns=list(names)).astype(float)


def scaled_return(bars):
    """Return ret_15 of the reference's own bars by its definition, at the row of the grid."""
    frame = gap_removed(bars)
    sigma = over_returns(frame, frame["log_return"] ** 2, lambda r: r.rolling(60).mean() ** 0.5)
    value = np.log(frame["close"]).diff(15) / (sigma * np.sqrt(15))
    return pd.Series(value.to_numpy(), index=np.flatnonzero(bars.traded)).reindex(range(len(bars)))


def new_extremes(bars):
    frame = gap_removed(bars)
    above = frame["high"] > frame["high"].rolling(20).max().shift()
    below = frame["low"] < frame["low"].rolling(20).min().shift()
    rows = np.flatnonzero(bars.traded)
    return [pd.Series(flag.to_numpy(), index=rows).reindex(range(len(bars))) for flag in (above, below)]


def carried(values, bars):
    """Return the values in minutes of both references, carried on within the session, where the session has a bar."""
    session = pd.Series(TRADED.session)
    started = pd.Series(TRADED.traded).groupby(session).cummax()
    return values.groupby(session).ffill().where(started)


def test_smt_tells_new_extremes_that_the_other_does_not_confirm():
    (high, low), (other_high, other_low) = new_extremes(LEADER), new_extremes(FOLLOWER)
    both = pd.Series(LEADER.traded & FOLLOWER.traded)
    bear = (high == True) & (other_high != True)  # noqa: E712 (NaN is neither)
    bull = (low == True) & (other_low != True)  # noqa: E712
    value = (bull.astype(float) - bear.astype(float)).where(both)
    result = compute(TRADED, REFERENCES, "smt")["smt"]
    expected = carried(value, TRADED)
    np.testing.assert_array_equal(result[40:], expected[40:])
    assert result[:20].isna().all()
    assert set(result.dropna()) == {-1.0, 0.0, 1.0}


def test_smt_z_is_the_z_score_of_the_difference_of_returns():
    gap = (scaled_return(LEADER) - scaled_return(FOLLOWER)).dropna()
    score = (gap - gap.rolling(60).mean()) / gap.rolling(60).std()
    expected = carried(score.reindex(range(len(TRADED))), TRADED)
    np.testing.assert_allclose(compute(TRADED, REFERENCES, "smt_z")["smt_z"], expected, atol=1e-4)


def test_smt_by_hand():
    """Twenty bars between 9 and 11; then the leader reaches 12 and the follower 11; then both reach 13; then the leader
    alone falls to 8: bear, nothing, bull."""
    sessions = make_sessions([23])

    def reference(high, low):
        high, low = np.concatenate([np.full(20, 11.0), high]), np.concatenate([np.full(20, 9.0), low])
        columns = {"open": np.full(23, 10.0), "close": np.full(23, 10.0), "high": high, "low": low}
        return on_grid(sessions, columns | {"volume": np.ones(23)}, np.ones(23, dtype=bool))

    references = References(reference([12, 13, 11], [9, 9, 8]), reference([11, 13, 11], [9, 9, 9]))
    assert compute(references.leader, references, "smt")["smt"][20:].tolist() == [-1.0, 0.0, 1.0]


def test_vix_is_that_of_earlier_days():
    result = compute(TRADED, REFERENCES, *VIX_FEATURES)
    for session, day in enumerate(TRADED.sessions.date):
        closes = pd.Series(VIX.close, index=VIX.date)[VIX.date < day]
        rows = result[TRADED.session == session].dropna()
        np.testing.assert_allclose(rows["vix_close"], closes.iloc[-1], rtol=1e-6)
        np.testing.assert_allclose(rows["vix_change"], closes.iloc[-1] / closes.iloc[-20:].mean() - 1, rtol=1e-5)
        assert len(rows) > 200


def test_vix_row_of_the_day_or_later_is_not_seen():
    """Closes of the last session's day and later change nothing; the day before's does."""
    day = TRADED.sessions.date[-1]

    def changed(since):
        close = np.where(VIX.date >= since, 99.0, VIX.close)
        return compute(TRADED, References(LEADER, FOLLOWER, DailyCloses("v", VIX.date, close), MINUTES), *ALL)

    honest = compute(TRADED, REFERENCES, *ALL)
    pd.testing.assert_frame_equal(changed(day), honest)
    assert not changed(day - 1).equals(honest)


def test_vix_intraday_is_the_move_since_the_last_close():
    result = compute(TRADED, REFERENCES, "vix_intraday", "vix_close")
    level = pd.Series(MINUTES.close).where(MINUTES.traded).groupby(MINUTES.session).ffill()
    started = pd.Series(TRADED.traded).groupby(TRADED.session).cummax()
    expected = np.log(level / result["vix_close"]).where(started)
    np.testing.assert_allclose(result["vix_intraday"], expected, atol=1e-6)


CHANGES = {
    "tripled": lambda values: 3.0 * values,
    "unknown": lambda values: np.full_like(values, np.nan),
    "other minutes": lambda values: np.roll(values, 97),
}


def changed_after(last, change):
    """Return the references with other prices after the row `last`, and other daily closes from its day on."""
    changes = {}
    for name in ("leader", "follower", "vix_minutes"):
        bars = getattr(REFERENCES, name)
        later = np.arange(len(bars)) > last
        columns = {c: np.where(later, change(getattr(bars, c)), getattr(bars, c)) for c in ("high", "low", "close")}
        changes[name] = dataclasses.replace(bars, **columns)
    known = VIX.date < TRADED.sessions.date[TRADED.session[last]]
    changes["vix_daily"] = DailyCloses("vix.parquet", VIX.date, np.where(known, VIX.close, 77.0))
    return dataclasses.replace(REFERENCES, **changes)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_later_minutes_of_references_are_not_seen(change):
    honest = compute(TRADED, REFERENCES, *ALL)
    for last in (389, 390, 395, 600, 779, 780, 900):
        other = compute(TRADED, changed_after(last, change), *ALL)
        assert other[: last + 1].to_numpy().tobytes() == honest[: last + 1].to_numpy().tobytes(), last
        assert not other[last + 1 :].equals(honest[last + 1 :]), last


def test_features_of_references_that_are_not_there_are_refused():
    with pytest.raises(FeatureError, match=r"'smt' needs bars of other symbols, none were given; set features\.smt"):
        compute(TRADED, References(vix_daily=VIX), *ALL)
    with pytest.raises(FeatureError, match="'vix_intraday' needs bars of other symbols"):
        compute(TRADED, References(LEADER, FOLLOWER, VIX), *ALL)


def test_references_have_to_cover_every_session():
    short = dataclasses.replace(REFERENCES, follower=FOLLOWER.take_sessions(0, 2))
    with pytest.raises(DataError, match="reference TEST must cover every session of TEST, lacks 2024-01-04 and 0 more"):
        compute(TRADED, short, "smt")


def test_sources_and_fingerprints_tell_the_references():
    names = ("smt", "vix_close", "vix_intraday")
    pipeline = FeaturePipeline(families=(CrossAsset(),), names=names, base_spread=0.01)
    assert pipeline.sources(TRADED, REFERENCES) == {
        "smt": "TEST against TEST", "vix_close": "daily closes", "vix_intraday": "minutes and daily closes",
    }  # fmt: skip
    others = [
        dataclasses.replace(REFERENCES, leader=FOLLOWER),
        dataclasses.replace(REFERENCES, vix_daily=DailyCloses("v", VIX.date, VIX.close + 1)),
        dataclasses.replace(REFERENCES, vix_minutes=None),
    ]
    assert len({REFERENCES.fingerprint, *(other.fingerprint for other in others)}) == 4


@pytest.mark.parametrize("traded", ["SPY", "GLD"])
def test_real_spy_against_qqq_and_the_vix(traded):
    """Four sessions of 2019: closes of the VIX are the published ones, divergence is rare, late rows are full."""
    folder = data_folder()
    files = {name: folder / "bars-1m" / "mixed-2019" / f"{name}.parquet" for name in (traded, "SPY", "QQQ")}
    bars = {name: to_grid(read_bars(file), name, "XNYS") for name, file in files.items()}
    daily = read_daily_closes(folder / "daily" / "vix" / "VIX.parquet")
    minutes = to_grid(read_bars(folder / "index-1m" / "mixed-2019" / "VIX.parquet"), "VIX", "XNYS")
    references = References(bars["SPY"], bars["QQQ"], daily, minutes)
    result = compute(bars[traded], references, *ALL)
    assert bars[traded].sessions.date.astype(str).tolist() == ["2019-02-11", "2019-02-12", "2019-02-13", "2019-02-14"]
    late = result[390 * 2 :]
    assert late.notna().mean().min() > 0.98
    assert 0.001 < (late["smt"] != 0).mean() < 0.2
    np.testing.assert_allclose(late["vix_close"].dropna().unique(), [15.43, 15.65], rtol=1e-6)
