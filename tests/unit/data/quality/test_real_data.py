"""Known faults of real files are found; thin names are not called broken."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from intraday_rl.data import read_bars, to_grid
from intraday_rl.data.quality import CHECK_NAMES, QualityLimits, assess_bars
from tests.support.real_data import PROJECT, data_folder

DEFAULTS = yaml.safe_load(Path(PROJECT, "conf/data/quality/standard.yaml").read_text())
LIMITS = QualityLimits(**{name: float(value) for name, value in DEFAULTS.items()})


def assessed(dataset, symbol):
    bars = to_grid(read_bars(data_folder() / "bars-1m" / dataset / f"{symbol}.parquet"), symbol, "XNYS")
    return assess_bars(bars, LIMITS)


def failing(quality, check):
    return quality.date[quality.fails[check]].astype(str).tolist()


def test_real_apple_split_of_2014_is_seven_to_one():
    quality = assessed("lean-equity", "AAPL")
    assert failing(quality, "split_jump") == ["2014-06-09"]
    assert quality.values["split_jump"][-1] == 7


def test_real_spin_off_of_foxa_is_no_split():
    assert failing(assessed("lean-equity", "FOXA"), "split_jump") == []


def test_real_spy_2024_is_sound():
    quality = assessed("spy-2024", "SPY")
    assert len(quality.date) == 163
    assert not quality.failed(CHECK_NAMES).any()


def test_real_spy_2011_odd_prints_are_the_lows_and_highs_that_nobody_else_saw():
    quality = assessed("spy-2011", "SPY")
    assert failing(quality, "odd_prints") == ["2011-01-31", "2011-03-03", "2011-03-04", "2011-03-15"]


@pytest.mark.parametrize(("symbol", "missing"), [("TPL", ["2024-03-25"]), ("LII", []), ("NVR", []), ("BKNG", [])])
def test_real_thin_names_lack_minutes_by_habit(symbol, missing):
    quality = assessed("midcaps-2024", symbol)
    assert np.median(quality.coverage) < 0.5
    assert failing(quality, "missing_minutes") == missing
    assert quality.failed(CHECK_NAMES).mean() < 0.1
