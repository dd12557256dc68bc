"""Each check fails the session in which its fault was planted, and no other."""

import dataclasses

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.data.quality import CHECK_NAMES, assess_bars
from tests.unit.data.quality.days import LIMITS, days

# 2024-07-01, -02, -03 (a half-day of 210 minutes), -05
HALF_DAY = 2


def failing(made, limits=LIMITS):
    quality = assess_bars(made.bars(), limits)
    return {name: np.flatnonzero(fails).tolist() for name, fails in quality.fails.items() if fails.any()}


def value(made, check, session):
    return assess_bars(made.bars(), LIMITS).values[check][session]


def test_assess_bars_sound_sessions_fail_nothing():
    quality = assess_bars(days().bars(), LIMITS)
    assert not quality.failed(CHECK_NAMES).any()
    assert set(quality.values) == set(quality.fails) == set(CHECK_NAMES)
    assert quality.minutes.tolist() == quality.bars.tolist() == [390, 390, 210, 390]
    for name in ("crossed_quotes", "locked_quotes", "missing_quotes", "vwap_outside"):
        assert np.isnan(quality.values[name]).all()


def test_missing_minutes_fails_above_the_share_alone():
    made = days()
    made.drop(1, 100, 139)  # 39 of 390: a tenth
    made.drop(3, 100, 119)  # 19 of 390: under a twentieth
    assert failing(made) == {"missing_minutes": [1]}
    assert value(made, "missing_minutes", 1) == pytest.approx(0.1)


def test_missing_minutes_of_a_thin_name_are_its_habit():
    made = days("2024-07-08", "2024-07-17")
    rng = np.random.default_rng(0)
    for session in range(len(made.sessions)):
        share = 0.02 if session == 5 else 0.5 + 0.05 * (session % 3)
        made.traded[made.rows(session, 0, 390)] &= rng.random(390) < share
    assert failing(made)["missing_minutes"] == [5]


def test_cut_short_is_a_full_session_that_ends_with_the_half_day():
    made = days()
    made.drop(1, 210, 390)
    found = failing(made)
    assert found == {"missing_minutes": [1], "cut_short": [1]}  # the half-day itself is whole
    assert value(made, "cut_short", 1) == 180
    late = days()
    late.drop(3, 0, 16)
    assert failing(late) == {"cut_short": [3]}


def test_cut_short_of_a_thin_name_needs_ten_mean_distances():
    made = days()
    for session, last in ((0, 360), (1, 240)):
        made.traded[made.rows(session, 0, 390)] = False
        made.traded[made.rows(session, 0, last + 1)][::10] = True  # a bar each ten minutes
    # gaps of 29 and 149 minutes against 10 * 10 minutes
    assert failing(made)["cut_short"] == [1]


def test_zero_volume_counts_bars_and_not_absent_minutes():
    made = days()
    made.drop(0, 100, 110)
    made.columns["volume"][made.rows(1, 0, 20)] = 0.0  # 20 of 390 are 5.1 %
    assert failing(made) == {"zero_volume": [1]}


def test_quotes_crossed_locked_and_missing_are_told_apart():
    made = days()
    made.quote()
    bid, ask = made.columns["bid"], made.columns["ask"]
    bid[made.rows(0, 0, 4)] = ask[made.rows(0, 0, 4)] + 0.01  # 4 of 390 are 1.03 %
    bid[made.rows(1, 0, 20)] = ask[made.rows(1, 0, 20)]
    ask[made.rows(HALF_DAY, 0, 11)] = np.nan  # 11 of 210 are 5.2 %
    assert failing(made) == {"crossed_quotes": [0], "locked_quotes": [1], "missing_quotes": [HALF_DAY]}


def test_missing_quotes_is_nothing_to_check_where_the_record_has_none():
    made = days()
    made.quote()
    made.columns["ask"][:] = np.nan
    assert failing(made) == {}


@pytest.mark.parametrize("ratio", [7.0, 1 / 7.0, 2.0])
def test_split_jump_tells_the_ratio(ratio):
    made = days()
    first = made.row(1, 0)
    for name in ("open", "high", "low", "close"):
        made.columns[name][first:] *= ratio * 0.99  # one percent off the whole ratio
    assert failing(made) == {"split_jump": [1]}
    assert value(made, "split_jump", 1) == max(ratio, 1 / ratio)


@pytest.mark.parametrize("ratio", [0.88, 1.4, 0.7])
def test_split_jump_lets_large_moves_pass(ratio):
    made = days()
    for name in ("open", "high", "low", "close"):
        made.columns[name][made.row(1, 0) :] *= ratio
    assert failing(made) == {}


def test_stale_prices_is_a_run_of_one_price_in_consecutive_minutes():
    made = days()
    for session, stop in ((0, 130), (1, 131)):
        for name in ("open", "high", "low", "close"):
            made.columns[name][made.rows(session, 100, stop)] = 100.0
    assert failing(made) == {"stale_prices": [1]}  # 30 bars are let through, 31 are not
    assert value(made, "stale_prices", 1) == 31
    made.drop(1, 115, 116)
    assert failing(made) == {}


def test_vwap_outside_counts_what_odd_lots_do_not_explain():
    made = days()
    made.columns["vwap"] = made.columns["high"] * (1 + 20e-4)  # within 25 basis points
    assert failing(made) == {}
    made.columns["vwap"][made.rows(0, 0, 20)] = 101.0
    assert failing(made) == {"vwap_outside": [0]}


def test_failed_is_any_of_the_named_checks_and_none_by_default():
    made = days()
    made.drop(1, 210, 390)
    made.columns["volume"][made.rows(3, 0, 390)] = 0.0
    quality = assess_bars(made.bars(), LIMITS)
    assert quality.failed(("cut_short",)).tolist() == [False, True, False, False]
    assert quality.failed(("cut_short", "zero_volume")).tolist() == [False, True, False, True]
    assert not quality.failed(()).any()
    with pytest.raises(ParameterError, match=r"must be one of missing_minutes, .*, was 'cutshort'"):
        quality.failed(("cutshort",))


def test_missing_by_minute_is_the_share_of_sessions_that_have_the_minute():
    made = days()
    made.drop(0, 5, 6)
    made.drop(3, 300, 301)  # a minute that the half-day does not have
    missing = assess_bars(made.bars(), LIMITS).missing_by_minute
    assert len(missing) == 390
    assert missing[5] == 1 / 4
    assert missing[300] == 1 / 3
    assert missing.sum() == 1 / 4 + 1 / 3


def test_assess_bars_of_one_session_works():
    made = days("2024-07-01", "2024-07-01")
    made.drop(0, 10, 390)
    assert failing(made) == {"cut_short": [0]}


@pytest.mark.parametrize(
    ("field", "wrong"), [("missing_share_max", 1.5), ("odd_prints_max", -1.0), ("split_tolerance", 0.5),
                         ("odd_print_deviations", 0.0)],
)  # fmt: skip
def test_quality_limits_refuse_what_is_no_limit(field, wrong):
    with pytest.raises(ParameterError, match=rf"QualityLimits\.{field} must be"):
        dataclasses.replace(LIMITS, **{field: wrong})
