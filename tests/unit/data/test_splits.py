"""Session splits by hand arithmetic."""

import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data import split_sessions


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
