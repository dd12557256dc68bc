"""The error family: one base, one documented class for each cause."""

import inspect

import pytest

from intraday_rl.core import errors

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_error_belongs_to_the_family_and_says_what_it_means(kind):
    assert issubclass(kind, errors.IntradayError)
    assert kind.__doc__
    assert str(kind("one line")) == "one line"


def test_family_is_known():
    assert len(CLASSES) >= 8
