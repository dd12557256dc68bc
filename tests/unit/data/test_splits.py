"""Session splits by hand arithmetic."""

import numpy as np
import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data import split_dates, split_sessions


def test_split_sessions_default_of_120():
    split = split_sessions(120, 0.70, 0.15, 1)
    # 0.70 * 120 = 84 and 0.85 * 120 = 102; the first session after each cut belongs to no part
    assert (split.train[0], split.train[-1]) == (0, 83)
    assert (split.validation[0], split.validation[-1]) == (85, 101)
    assert (split.test[0], split.test[-1]) == (103, 119)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [84, 17, 17]


@pytest.mark.parametrize(("embargo", "gaps"), [(0, []), (1, [10, 15]), (2, [10, 11, 15, 16])])
def test_split_sessions_embargo_drops_the_sessions_after_a_cut(embargo, gaps):
    split = split_sessions(20, 0.5, 0.25, embargo)
    used = {*split.train.tolist(), *split.validation.tolist(), *split.test.tolist()}
    assert sorted(set(range(20)) - used) == gaps
    assert len(used) == len(split.train) + len(split.validation) + len(split.test)


def test_split_sessions_parts_are_in_time_order():
    split = split_sessions(53, 0.6, 0.2, 3)
    order = [*split.train, *split.validation, *split.test]
    assert order == sorted(order)


def test_split_sessions_too_few_are_refused():
    with pytest.raises(DataError, match="must give each part at least one, gave train 4, validation 0, test"):
        split_sessions(5, 0.70, 0.15, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 0.15, 1), r"train_fraction must be in \(0, 1\]"),
        ((0.7, -0.1, 1), r"validation_fraction must be in \(0, 1\]"),
        ((0.7, 0.3, 1), r"train_fraction \+ validation_fraction must be < 1, was 1"),
        ((0.7, 0.15, -1), r"embargo_sessions must be >= 0 \(sessions\), was -1"),
    ],
)
def test_split_sessions_wrong_parameters_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        split_sessions(120, *arguments)


# --- several symbols --------------------------------------------------------------------------------------------------


def days(*numbers):
    return np.datetime64("2024-01-01") + np.array(numbers)


def test_split_dates_of_one_symbol_is_the_split_of_its_sessions():
    for count, embargo in ((53, 3), (120, 1), (20, 0)):
        one = split_dates(days(*range(0, 2 * count, 2)), 0.6, 0.2, embargo)
        other = split_sessions(count, 0.6, 0.2, embargo)
        for name in ("train", "validation", "test"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()
            assert getattr(one, name).dtype == np.int64


def test_split_dates_cuts_the_days_of_all_symbols_together():
    # Days 0 to 9; the second symbol begins on day 4 and pauses on day 8. 6 days, an embargo of 1, 1 day, 1, 1 day.
    dates = days(0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 9)
    split = split_dates(dates, 0.6, 0.2, 1)
    assert split.train.tolist() == list(range(8))  # days 0 to 5
    assert split.validation.tolist() == [10, 11]  # day 7; day 6 is dropped
    assert split.test.tolist() == [13, 14]  # day 9; day 8 is dropped


def test_split_dates_has_no_day_in_two_parts():
    rng = np.random.default_rng(0)
    for _ in range(50):
        symbols = [np.sort(rng.choice(60, size=rng.integers(1, 60), replace=False)) for _ in range(4)]
        dates = days(*np.sort(np.concatenate([[*range(0, 60, 3)], *symbols])))
        split = split_dates(dates, 0.5, 0.25, 1)
        parts = [set(dates[part].tolist()) for part in (split.train, split.validation, split.test)]
        assert max(parts[0]) < min(parts[1])
        assert max(parts[1]) < min(parts[2])


def test_split_dates_too_few_days_are_refused_however_many_sessions():
    with pytest.raises(DataError, match="5 sessions must give each part at least one"):
        split_dates(np.repeat(days(*range(5)), 40), 0.70, 0.15, 1)
