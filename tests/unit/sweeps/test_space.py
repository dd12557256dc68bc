"""Values as arguments are read back through Hydra's own parser."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString

from intraday_rl.core.errors import ConfigError
from intraday_rl.sweeps.space import Choice, Interval, override, override_list, text_of

TEXTS = [
    *("a", "a b", "", 'say "hi"', "it's", "a\\b", "a\\", "\\", '\\"', '"', '\\\\"x', "line\nbreak", "tab\t", "a\rb"),
    *("é", "日本", "5", "5e-05", "true", "False", "null", "NULL", "nan", "inf", "a,b", "a=b", "[1]", "{a: 1}", "a:b"),
    *("~x", "+x", "a.b/c-d", "x.", "a%b", "a@b", "a|b", "a*", "?", "#x", " a", "a ", "choice(1)", "yes", "off", "_"),
]
NUMBERS = [5e-05, 1e-300, 1e22, 1e16, 0.1, 0.1 + 0.2, -0.0, 3, -2, 0, True, False, None]


def read(line):
    value = OverridesParser.create().parse_override(line).value()
    return value.text if isinstance(value, QuotedString) else value


@pytest.mark.parametrize("value", [*TEXTS, *NUMBERS], ids=repr)
def test_override_is_read_back_as_the_same_value(value):
    found = read(override("a.b", value))
    assert found == value
    assert type(found) is type(value)


def test_texts_are_in_quotes_only_where_they_need_them():
    assert text_of("ppo") == "ppo"
    assert text_of("a/b.c-d") == "a/b.c-d"
    assert text_of("True") == '"True"'
    assert text_of("5e-05") == '"5e-05"'
    assert text_of(5e-05) == "5e-05"
    assert text_of(True) == "true"
    assert text_of(None) == "null"
    assert override_list(["a b", 1, None]) == '"a b", 1, null'


@pytest.mark.parametrize("values", [(), (1, 1), (1, True), (1, 1.0), (0, False), ("a", "b", "a")])
def test_choice_of_nothing_or_of_equal_values_is_refused(values):
    with pytest.raises(ConfigError, match=r"^k: "):
        Choice("k", values).check()


def test_choice_keeps_texts_and_numbers_apart():
    Choice("k", (1, "1", None, "null", "true", 2.5)).check()


@pytest.mark.parametrize(
    ("low", "high", "is_log", "step", "words"),
    [
        (1.0, 1.0, False, None, "needs low < high, was 1 and 1"),
        (2.0, 1.0, False, None, "needs low < high, was 2 and 1"),
        (0.0, float("inf"), False, None, "needs low < high, was 0 and inf"),
        (float("nan"), 1.0, False, None, "needs low < high, was nan and 1"),
        (0.0, 1.0, True, None, "must be > 0, was 0"),
        (1.0, 2.0, True, 0.5, "steps or a logarithm, not both"),
    ],
)
def test_impossible_interval_is_refused(low, high, is_log, step, words):
    with pytest.raises(ConfigError, match=f"^k: .*{words}"):
        Interval("k", low, high, False, is_log, step).check()


def test_distributions_are_optunas():
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    assert Choice("k", (1, "a")).distribution() == CategoricalDistribution((1, "a"))
    assert Interval("k", 0.5, 2.0, False, True, None).distribution() == FloatDistribution(0.5, 2.0, log=True)
    assert Interval("k", 0.0, 1.0, False, False, 0.25).distribution() == FloatDistribution(0.0, 1.0, step=0.25)
    assert Interval("k", 1.0, 7.0, True, False, 2.0).distribution() == IntDistribution(1, 7, step=2)
    assert Interval("k", 1.0, 64.0, True, True, None).distribution() == IntDistribution(1, 64, log=True)


def test_ends_are_allowed_values_of_the_kind_that_is_drawn():
    assert Choice("k", (3, "a")).ends() == (3, "a")
    whole = Interval("k", 1.0, 7.0, True, False, 2.0).ends()
    assert whole == (1, 7)
    assert all(type(value) is int for value in whole)
    assert Interval("k", 0.0, 1.0, False, False, 0.25).ends() == (0.0, 0.25, 1.0)
    low, between, high = Interval("k", 1.0, 2.0, False, False, None).ends()
    assert (low, high) == (1.0, 2.0)
    assert low < between < high
    assert not float(between).is_integer()
