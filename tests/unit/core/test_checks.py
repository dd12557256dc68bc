"""Laws of parameters: what each accepts, what it refuses, and the one line it says."""

import math

import pytest

from intraday_rl.core import checks
from intraday_rl.core.errors import IntradayError, ParameterError

INFINITE = math.inf
NAN = math.nan


@pytest.mark.parametrize(
    ("law", "arguments", "good", "bad"),
    [
        (checks.finite, (), [0.0, -5.0, 1e300], [NAN, INFINITE, -INFINITE]),
        (checks.positive, (), [1e-300, 3], [0.0, -1.0, NAN, INFINITE]),
        (checks.non_negative, (), [0.0, 3], [-1e-300, NAN, INFINITE]),
        (checks.at_least, (2,), [2, 2.5], [1.999, NAN, INFINITE]),
        (checks.within, (-1.0, 1.0), [-1.0, 0, 1.0], [-1.001, 1.001, NAN, INFINITE]),
        (checks.fraction, (), [1e-9, 1.0], [0.0, 1.001, -0.1, NAN, INFINITE]),
        (checks.one_of, (["a", "b"],), ["a", "b"], ["c", "", None]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_law_accepts_and_refuses(law, arguments, good, bad):
    for value in good:
        law("Owner", "name", value, *arguments)
    for value in bad:
        with pytest.raises(ParameterError, match=r"^Owner\.name must be .+, was .+$"):
            law("Owner", "name", value, *arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: checks.positive("TurnoverPenalty", "limit", -0.02, "fraction of equity"),
            "TurnoverPenalty.limit must be > 0 (fraction of equity), was -0.02",
        ),
        (lambda: checks.finite("A", "b", NAN), "A.b must be a finite number, was nan"),
        (lambda: checks.non_negative("A", "b", -1, "USD"), "A.b must be >= 0 (USD), was -1"),
        (lambda: checks.at_least("A", "b", 0, 1, "minutes"), "A.b must be >= 1 (minutes), was 0"),
        (lambda: checks.within("A", "b", 7, 0, 1), "A.b must be in [0, 1], was 7"),
        (lambda: checks.fraction("A", "b", 2.0), "A.b must be in (0, 1] (fraction), was 2.0"),
        (lambda: checks.one_of("A", "b", "x", ("y", "z")), "A.b must be one of y, z, was 'x'"),
    ],
)
def test_refusal_names_owner_law_unit_and_value(call, message):
    with pytest.raises(ParameterError) as refused:
        call()
    assert str(refused.value) == message


def test_parameter_errors_are_of_the_family():
    assert issubclass(ParameterError, IntradayError)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("turnovr", " (did you mean turnover?)"), ("zzz", ""), ("", "")],
)
def test_nearest_proposes_only_what_is_close(name, expected):
    assert checks.nearest(name, ["turnover", "profit"]) == expected
