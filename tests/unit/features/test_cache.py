"""The cache of features: a second start computes nothing, a change invalidates what depends on it and no more."""

import dataclasses

import numpy as np
import pytest

from intraday_rl.data import DailyCloses
from intraday_rl.features import CrossAsset, FeaturePipeline, Microstructure, Momentum, References, cache
from intraday_rl.features.pipeline import DEFAULT_FAMILIES
from tests.unit.features.feature_bars import pipeline, random_bars

BARS = random_bars([90, 90], seed=91)
NAMES = ("rsi14", "signed_vol", "macd_line")


@pytest.fixture(autouse=True)
def computed(empty_cache, monkeypatch):
    """Return the list of names that were computed, one entry for each pass."""
    passes = []
    compute = FeaturePipeline.compute

    def counted(self, *arguments):
        passes.append(self.names)
        return compute(self, *arguments)

    monkeypatch.setattr(FeaturePipeline, "compute", counted)
    return passes


def test_second_start_computes_nothing(computed):
    expected = pipeline(*NAMES).compute(BARS)
    for _ in range(3):
        table = cache.cached_features(pipeline(*NAMES), BARS)
        assert table.values.tobytes() == expected.values.tobytes()
        assert table.valid.tolist() == expected.valid.tolist()
        assert (table.names, table.sources, table.fingerprint) == (
            expected.names,
            expected.sources,
            expected.fingerprint,
        )
    assert len(computed) == 2


def flow(degrees_of_freedom):
    family = Microstructure(degrees_of_freedom=degrees_of_freedom, corwin_schultz=False)
    return FeaturePipeline(families=(family, Momentum()), names=NAMES, base_spread=0.01)


@pytest.mark.parametrize("change", [
    lambda: (pipeline(*NAMES[:2]), BARS),
    lambda: (pipeline(*NAMES[::-1]), BARS),
    lambda: (pipeline(*NAMES, base_spread=0.02), BARS),
    lambda: (flow(0.25), BARS),
    lambda: (pipeline(*NAMES), dataclasses.replace(BARS, close=np.where(np.arange(180) == 100, BARS.high, BARS.close))),
    lambda: (pipeline(*NAMES), BARS.take_sessions(0, 1)),
])  # fmt: skip
def test_change_is_computed_anew_and_leaves_the_other_table(computed, change):
    cache.cached_features(pipeline(*NAMES), BARS)
    cache.cached_features(*change())
    assert len(computed) == 2
    cache.cached_features(pipeline(*NAMES), BARS)
    cache.cached_features(*change())
    assert len(computed) == 2


def test_other_sources_of_the_package_are_computed_anew(computed, monkeypatch):
    cache.cached_features(pipeline(*NAMES), BARS)
    monkeypatch.setattr(cache, "code_digest", lambda *parts: "other")
    cache.cached_features(pipeline(*NAMES), BARS)
    assert len(computed) == 2


def test_another_reference_is_computed_anew(computed):
    days = np.datetime64("2023-12-01") + np.arange(40)
    families = FeaturePipeline(families=(*DEFAULT_FAMILIES, CrossAsset()), names=("vix_close",), base_spread=0.01)
    for level in (15.0, 16.0, 15.0):
        daily = DailyCloses("vix", days, np.full(40, level))
        table = cache.cached_features(families, BARS, References(vix_daily=daily))
        assert np.nanmax(table.values) == level
    assert len(computed) == 2
