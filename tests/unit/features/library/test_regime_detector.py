"""The code of four regimes: its arithmetic by hand, and on bars against pandas."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.core.errors import ParameterError
from intraday_rl.core.structs import view
from intraday_rl.data import read_bars, to_grid
from intraday_rl.features import REGIMES, FeaturePipeline, regime_codes
from intraday_rl.features.engine import ROW
from intraday_rl.features.library.regime_detector import STATE, update_regime_detector
from tests.support.pandas_features.regime import regime_code_columns
from tests.support.pandas_features.series import price_frame
from tests.support.pandas_features.series import to_grid as on_all_minutes
from tests.support.real_data import data_folder
from tests.unit.features.feature_bars import DETECTOR, make_sessions, on_grid, random_bars, replace_rows
from tests.unit.features.test_stream import assert_stream_equals_batch

LOW_TREND, LOW_RANGE, HIGH_TREND, HIGH_RANGE = range(4)
FEATURES = FeaturePipeline(families=(DETECTOR,), names=REGIMES, base_spread=0.01)
UNSMOOTHED = DETECTOR._replace(smoothing=0.0)


def detect(volatilities, ratios, detector=DETECTOR):
    """Return the regime after each pair of annualised volatility and efficiency ratio; -1 where not known."""
    state, row = view(np.zeros(1, dtype=STATE)), view(np.zeros(1, dtype=ROW))
    for name, value in detector._asdict().items():
        state[name] = value
    codes = []
    for volatility, ratio in zip(*np.broadcast_arrays(volatilities, ratios), strict=True):
        row["rv_60"], row["er30"] = 1e4 * volatility / np.sqrt(390 * 252), ratio
        update_regime_detector(state[0], row[0])
        codes.append(int(regime_codes(np.array([[row[name][0] for name in REGIMES]]))[0]))
    return codes


def test_four_regimes_are_numbered_by_volatility_and_trend():
    assert REGIMES == ("regime_low_trend", "regime_low_range", "regime_high_trend", "regime_high_range")
    assert [detect([v], [e])[0] for v in (0.10, 0.20) for e in (0.5, 0.1)] == [0, 1, 2, 3]


def test_first_answer_is_the_thresholds_alone():
    assert detect([0.151], [0.301]) == [HIGH_TREND]
    assert detect([0.149], [0.299]) == [LOW_RANGE]


def test_trend_has_no_direction():
    assert detect([0.1, 0.1], [-0.5, 0.5]) == [LOW_TREND, LOW_TREND]


def test_running_means_and_band_by_hand():
    """Half kept: means of volatility 0.10, 0.16, 0.17, 0.145, 0.1425, 0.12625; up above 0.165, down below 0.135."""
    volatilities = [0.10, 0.22, 0.18, 0.12, 0.14, 0.11]
    expected = [LOW_RANGE, LOW_RANGE, HIGH_RANGE, HIGH_RANGE, HIGH_RANGE, LOW_RANGE]
    assert detect(volatilities, 0.0, DETECTOR._replace(smoothing=0.5)) == expected


def test_band_of_the_trend_by_hand():
    """Nothing kept: up above 0.33, down below 0.27."""
    ratios = [0.29, 0.32, 0.34, 0.28, -0.26, 0.32]
    expected = [LOW_RANGE, LOW_RANGE, LOW_TREND, LOW_TREND, LOW_RANGE, LOW_RANGE]
    assert detect(0.1, ratios, UNSMOOTHED) == expected


def test_smoothing_keeps_95_percent_a_bar():
    """From 0.10 to 0.30 the mean is 0.30 - 0.20 * 0.95^k: above 0.165 at k = 8. Back: below 0.135 at k = 34."""
    codes = detect([0.10, *[0.30] * 1000, *[0.10] * 40], 0.0)
    assert np.flatnonzero(np.diff(codes)).tolist() == [7, 1000 + 33]
    assert codes[8] == HIGH_RANGE


def test_slow_crossing_does_not_flap():
    """Volatility creeps from 0.12 to 0.18 with waves of 0.012: one change with the band, many without it."""
    crossing = np.linspace(0.12, 0.18, 600) + 0.012 * np.sin(np.arange(600))
    assert np.count_nonzero(np.diff(detect(crossing, 0.0, UNSMOOTHED._replace(hysteresis=0.0)))) > 20
    assert np.count_nonzero(np.diff(detect(crossing, 0.0, UNSMOOTHED))) == 1
    assert np.count_nonzero(np.diff(detect(crossing, 0.0))) == 1


def test_unknown_input_is_unknown_and_leaves_the_memory():
    codes = detect([np.nan, 0.10, np.nan, 0.16, 0.16], [0.1, 0.1, 0.1, np.nan, 0.1], UNSMOOTHED)
    assert codes == [-1, LOW_RANGE, -1, -1, LOW_RANGE]


def test_codes_of_rows_by_hand():
    rows = [[0, 0, 1, 0], [1, 0, 0, 0], [np.nan] * 4, [0.5, 0.5, 0, 0], [0, 0, 0, 1]]
    assert regime_codes(np.array(rows, dtype=np.float32)).tolist() == [2, 0, -1, -1, 3]
    assert regime_codes(np.empty((0, 4))).tolist() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vol_threshold": 0.0}, r"RegimeDetector\.vol_threshold must be > 0 .*was 0\.0"),
        ({"trend_threshold": 1.1}, r"RegimeDetector\.trend_threshold must be in \(0, 1\] .*was 1\.1"),
        ({"hysteresis": 1.0}, r"RegimeDetector\.hysteresis must be in \[0, 1\) .*was 1\.0"),
        ({"smoothing": 1.0}, r"RegimeDetector\.smoothing must be in \[0, 1\) .*was 1\.0"),
        ({"smoothing": float("nan")}, r"RegimeDetector\.smoothing must be in \[0, 1\) .*was nan"),
        ({"trend_threshold": 0.95}, r"trend_threshold \* \(1 \+ hysteresis\) must be < 1 .*was 1\.045"),
    ],
)
def test_impossible_parameters_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        FeaturePipeline(families=(DETECTOR._replace(**change),), names=REGIMES, base_spread=0.01)


# Minutes of each block: volatility per bar (0.06 and 0.31 a year), drift per bar as a part of it, regime.
BLOCKS = [
    (2e-4, 0.0, LOW_RANGE),
    (2e-4, 1.0, LOW_TREND),
    (1e-3, 0.0, HIGH_RANGE),
    (1e-3, 1.0, HIGH_TREND),
    (2e-4, 0.0, LOW_RANGE),
]
BLOCK_BARS = 300


def switching_bars(lengths, seed, untraded=0.0):
    """Return bars whose volatility and trend change every 300 minutes, whatever the sessions."""
    rng = np.random.default_rng(seed)
    rows = sum(lengths)
    block = np.arange(rows) // BLOCK_BARS % len(BLOCKS)
    sigma, drift, _ = np.array(BLOCKS).T
    close = np.exp(np.log(100.0) + np.cumsum(sigma[block] * (rng.normal(size=rows) + drift[block])))
    columns = {name: close for name in ("open", "high", "low", "close")} | {"volume": np.ones(rows)}
    return on_grid(make_sessions(lengths), columns, rng.random(rows) >= untraded)


SWITCHING = switching_bars([390, 210, 390, 390, 120], seed=61)


def test_regime_follows_a_market_made_to_switch():
    codes = regime_codes(FEATURES.compute(SWITCHING).values)
    last = np.arange(BLOCK_BARS - 1, len(codes), BLOCK_BARS)
    assert codes[last].tolist() == [regime for _, _, regime in BLOCKS]
    assert np.count_nonzero(np.diff(codes[60:])) <= 8  # four changes, of two answers each at most


def test_exactly_one_column_is_1_after_60_returns():
    table = FEATURES.compute(SWITCHING)
    assert np.isnan(table.values[:60]).all()
    assert not table.valid[:60].any()
    assert table.valid[60:].all()
    assert set(np.unique(table.values[60:])) == {0.0, 1.0}
    assert (table.values[60:].sum(axis=1) == 1.0).all()


def test_returns_of_known_size_stand_on_either_side_of_the_threshold():
    """Returns of +-4.7e-4 are 0.1473 a year, of +-4.9e-4 0.1536; a price that goes to and fro does not trend."""
    for size, expected in ((4.7e-4, LOW_RANGE), (4.9e-4, HIGH_RANGE)):
        close = 100.0 * np.exp(size * (np.arange(62) % 2))
        columns = {name: close for name in ("open", "high", "low", "close")} | {"volume": np.ones(62)}
        bars = on_grid(make_sessions([62]), columns, np.ones(62, dtype=bool))
        assert regime_codes(FEATURES.compute(bars).values)[60:].tolist() == [expected] * 2


def assert_equals_pandas(bars, detector=DETECTOR):
    """Fail unless engine and pandas tell the same regimes; return them."""
    features = dataclasses.replace(FEATURES, families=(detector,))
    frame = on_all_minutes(bars, regime_code_columns(price_frame(bars), **detector._asdict()))
    codes = regime_codes(features.compute(bars).values)
    np.testing.assert_array_equal(codes, regime_codes(frame[list(REGIMES)].to_numpy()))
    return codes


def test_engine_equals_pandas_in_all_regimes():
    bars = switching_bars([390, 210, 390, 390, 390], seed=62, untraded=0.1)
    assert set(assert_equals_pandas(bars)) == {-1, 0, 1, 2, 3}


def test_comparer_finds_another_threshold():
    codes = assert_equals_pandas(SWITCHING)
    other = assert_equals_pandas(SWITCHING, DETECTOR._replace(hysteresis=0.3))
    assert (codes != other).any()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31), sigma=st.sampled_from([1e-4, 4.8e-4, 1e-3]), untraded=st.sampled_from([0.0, 0.3, 0.9]),
    hysteresis=st.sampled_from([0.0, 0.02, 0.1]), smoothing=st.sampled_from([0.0, 0.5, 0.95]),
)  # fmt: skip
def test_engine_equals_pandas_on_random_bars(seed, sigma, untraded, hysteresis, smoothing):
    bars = random_bars([180, 100, 180, 180], seed, sigma, untraded)
    detector = DETECTOR._replace(trend_threshold=0.2, hysteresis=hysteresis, smoothing=smoothing)
    assert_equals_pandas(bars, detector)


def test_engine_equals_pandas_on_spy():
    """2024: high on all of 5 August, the day of the VIX's highest print; hardly ever in June."""
    frame = read_bars(data_folder() / "bars-1m" / "spy-2024" / "SPY.parquet")
    bars = to_grid(frame[frame["timestamp"].between("2024-06-03", "2024-08-10")], "SPY", "XNYS")
    is_high = assert_equals_pandas(bars) >= HIGH_TREND
    dates = bars.sessions.date[bars.session]
    assert is_high[dates == np.datetime64("2024-08-05")].all()
    assert is_high[dates < np.datetime64("2024-07-01")].mean() < 0.02


def test_stream_equals_batch_in_all_regimes():
    bars = switching_bars([390, 390, 390, 390], seed=63, untraded=0.1)
    assert_stream_equals_batch(bars, [1, 2, 3], FEATURES)


def test_regimes_do_not_see_later_bars():
    """Prices of all later minutes are 5 % higher and turned round in time: nothing changes before, much after."""
    before = FEATURES.compute(SWITCHING).values
    for last in (100, 389, 390, 599, 650, 899, 1000, 1210):
        changes = {name: 1.05 * getattr(SWITCHING, name)[::-1] for name in ("open", "high", "low", "close")}
        after = FEATURES.compute(replace_rows(SWITCHING, last + 1, changes)).values
        assert after[: last + 1].tobytes() == before[: last + 1].tobytes()
        assert after.tobytes() != before.tobytes()
