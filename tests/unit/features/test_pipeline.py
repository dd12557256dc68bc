"""The pipeline's contract: names, errors, sources, fingerprint, valid rows, minutes without a bar."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import FeatureError, ParameterError
from intraday_rl.features import FAMILIES, PRESETS, REGIMES, FeaturePipeline, KnownState, Momentum, compute_features
from intraday_rl.features.engine import Memory
from tests.unit.features.feature_bars import MARKET, pipeline, random_bars

MICROSTRUCTURE = """spread_bps spread_rel depth_imb microprice_dev ofi signed_vol vpin kyle_lambda amihud roll_bps
    ohlc_spread_bps eff_spread_bps realised_spread5 adverse_sel5 trade_intensity"""
MOMENTUM = """ret_1 ret_5 ret_15 ret_30 rsi14 macd_line macd_signal macd_histogram vwap_dev bb_pctb bb_width ema_gap"""
VOLATILITY = "rv_15 rv_60 parkinson30 gk30 rs30 yz30 garch1 atr_bps"
REGIME = "er30 sma_slope vol_pct tod_sin tod_cos phase"
WITHOUT_FITS = tuple(name for name in PRESETS["market41"] if name != "garch1")

BARS = random_bars([390, 210, 390], seed=71, untraded=0.2, optional=("vwap", "trade_count"))


def test_presets_hold_the_specified_names_in_order():
    market = " ".join([MICROSTRUCTURE, MOMENTUM, VOLATILITY, REGIME]).split()
    assert len(market) == 41
    assert PRESETS["market41"] == PRESETS["full47"] == tuple(market)
    assert PRESETS["micro_mom27"] == tuple(market[:27])
    assert PRESETS["ext54"] == (*market, "depth_ratio", "time_to_close", "vol_tercile", "trend_filter")
    assert PRESETS["full51_regime"] == (*market, *REGIMES)
    assert {len(PRESETS[name]) for name in ("compact12", "window11")} == {8, 7}


def test_every_feature_is_documented():
    specs = [spec for family in FAMILIES for spec in family.specs]
    assert len({spec.name for spec in specs}) == len(specs) == 55
    assert all(text.strip() == text != "" for spec in specs for text in spec)


def test_memory_has_the_families_in_their_order():
    names = [family.params.__name__.lower() for family in FAMILIES if family.state is not None]
    assert [name.replace("_", "") for name in Memory._fields[1:-1]] == names


def test_table_has_the_asked_columns_in_the_asked_order():
    table = pipeline("rsi14", "phase", "rv_15").compute(BARS)
    assert table.names == ("rsi14", "phase", "rv_15")
    assert table.values.dtype == np.float32
    assert table.values.flags.c_contiguous
    assert table.values.shape == (990, 3)
    for name, column in zip(table.names, table.values.T, strict=True):
        np.testing.assert_array_equal(column, pipeline(name).compute(BARS).values[:, 0])


def test_valid_rows_are_those_without_nan_after_the_sessions_first_bar():
    table = pipeline("rsi14", "vpin").compute(BARS)
    np.testing.assert_array_equal(table.valid, ~np.isnan(table.values).any(axis=1))
    assert not table.valid[:390].any()
    traded = np.flatnonzero(BARS.traded)
    assert table.valid[traded[traded >= 390][0] :].mean() > 0.95


def test_first_session_is_warm_up_and_the_second_is_not(empty_cache):
    bars = random_bars([390, 390], seed=72)
    table = pipeline(*PRESETS["market41"]).compute(bars)
    assert not table.valid[:390].any()
    assert table.valid[390:].all()


def test_row_of_a_minute_without_a_bar_is_the_last_one_but_for_the_clock():
    table = pipeline(*WITHOUT_FITS).compute(BARS)
    clock = [WITHOUT_FITS.index(name) for name in ("tod_sin", "tod_cos", "phase")]
    rows = [t for t in range(391, 990) if not BARS.traded[t] and BARS.session[t] == BARS.session[t - 1]]
    rows = [t for t in rows if BARS.traded[BARS.sessions.first[BARS.session[t]] : t].any()]
    assert len(rows) > 50
    indicators = np.delete(table.values, clock, axis=1)
    for t in rows:
        np.testing.assert_array_equal(indicators[t], indicators[t - 1])
        assert (table.values[t, clock[:2]] != table.values[t - 1, clock[:2]]).any()


def test_nothing_is_known_before_a_sessions_first_bar():
    traded = np.ones(780, dtype=bool)
    traded[390:400] = False
    bars = dataclasses.replace(random_bars([390, 390], seed=73), traded=traded)
    table = pipeline("rsi14", "tod_sin").compute(bars)
    assert np.isnan(table.values[390:400]).all()
    assert not table.valid[390:400].any()
    assert table.valid[400:].all()


def test_session_without_any_bar_changes_nothing():
    full = random_bars([390, 390, 390], seed=74)
    traded = full.traded.copy()
    traded[390:780] = False
    table = pipeline("rsi14", "macd_line", "rv_60").compute(dataclasses.replace(full, traded=traded))
    assert not table.valid[390:780].any()
    assert table.valid[780:].all()


def test_fingerprint_tells_names_parameters_and_sources():
    prints = {
        pipeline("rsi14", "phase").compute(BARS).fingerprint,
        pipeline("phase", "rsi14").compute(BARS).fingerprint,
        pipeline("rsi14", "phase", base_spread=0.02).compute(BARS).fingerprint,
        pipeline("rsi14", "vwap_dev").compute(BARS).fingerprint,
        pipeline("rsi14", "vwap_dev").compute(random_bars([390, 390], optional=())).fingerprint,
        known_state(1.0).fingerprint({}),
        known_state(2.0).fingerprint({}),
    }
    assert len(prints) == 7
    other_data = random_bars([390, 390], seed=75)
    assert pipeline("rsi14").compute(BARS).fingerprint == pipeline("rsi14").compute(other_data).fingerprint


def known_state(scale):
    return FeaturePipeline(families=(KnownState(level=1.0, scale=scale),), names=("level_deviation",), base_spread=0.01)


@pytest.mark.parametrize(("names", "message"), [
    (("rsi41",), "unknown feature 'rsi41' .did you mean rsi14"),
    (("level_deviation",), "needs a family that is not chosen"),
])  # fmt: skip
def test_feature_that_cannot_be_computed_is_refused(names, message):
    with pytest.raises(FeatureError, match=message):
        pipeline(*names)


@pytest.mark.parametrize("names", [(), ("rsi14", "rsi14")])
def test_names_must_be_given_each_once(names):
    with pytest.raises(ParameterError, match="each once"):
        pipeline(*names)


def test_base_spread_and_families_are_checked():
    with pytest.raises(ParameterError, match=r"FeaturePipeline\.base_spread must be > 0 .price units., was 0"):
        pipeline("rsi14", base_spread=0.0)
    with pytest.raises(ParameterError, match=r"FeaturePipeline\.families must be one of"):
        FeaturePipeline(families=("Momentum",), names=("rsi14",), base_spread=0.01)
    assert FeaturePipeline(families=(Momentum(),), names=("rsi14",), base_spread=0.01).families == (Momentum(),)


def test_session_longer_than_a_day_is_refused():
    with pytest.raises(FeatureError, match="at most 1440 minutes long, was 1441"):
        pipeline("rsi14").compute(random_bars([1441]))


def test_compute_features_returns_a_frame_by_time(empty_cache):
    frame = compute_features(BARS, "micro_mom27")
    assert tuple(frame.columns) == PRESETS["micro_mom27"]
    assert frame.index[0] == pd.Timestamp("2024-01-02 14:30", tz="UTC")
    expected = FeaturePipeline(families=MARKET, names=PRESETS["micro_mom27"], base_spread=0.01).compute(BARS)
    np.testing.assert_array_equal(frame.to_numpy(), expected.values)


def test_compute_features_takes_a_frame_of_one_symbol(empty_cache):
    bars = random_bars([390, 390], seed=76)
    frame = bars.to_frame().drop(columns=["trade_count", "bid", "ask", "bid_size", "ask_size"])
    np.testing.assert_array_equal(compute_features(frame, "micro_mom27"), compute_features(bars, "micro_mom27"))
    two = pd.concat([frame, frame.assign(symbol="OTHER")], ignore_index=True)
    with pytest.raises(FeatureError, match="must hold one symbol, has 2"):
        compute_features(two, "micro_mom27")


def test_compute_features_refuses_other_presets():
    with pytest.raises(FeatureError, match="did you mean market41"):
        compute_features(BARS, "market42")
    for preset in ("known_state", "full51_regime"):
        with pytest.raises(FeatureError, match=f"'{preset}' has parameters of its own"):
            compute_features(BARS, preset)
