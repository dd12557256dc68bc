import pytest

from intraday_rl.app.sweeping.dimensions import read_dimension
from intraday_rl.core.errors import ConfigError
from intraday_rl.sweeps.space import Choice, Interval


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("1,2,3", Choice("a.b", (1, 2, 3))),
        ("choice(5e-5,1e-4)", Choice("a.b", (5e-5, 1e-4))),
        ("choice(a,'b c',\"5\",true)", Choice("a.b", ("a", "b c", "5", True))),
        ("null,64", Choice("a.b", (None, 64))),
        ("interval(0,1)", Interval("a.b", 0.0, 1.0, False, False, None)),
        ("tag(log,interval(5e-5,3e-4))", Interval("a.b", 5e-5, 3e-4, False, True, None)),
        ("int(interval(1,5))", Interval("a.b", 1.0, 5.0, True, False, None)),
        ("tag(log,int(interval(1,64)))", Interval("a.b", 1.0, 64.0, True, True, None)),
        ("range(1,9,2)", Interval("a.b", 1.0, 7.0, True, False, 2.0)),
        ("range(7,0,-2)", Interval("a.b", 1.0, 7.0, True, False, 2.0)),
        ("range(0,0.5,0.125)", Interval("a.b", 0.0, 0.375, False, False, 0.125)),
        ("range(0,1,0.1)", Interval("a.b", 0.0, 0.9, False, False, 0.1)),
    ],
)
def test_hydras_sweep_syntax_is_a_dimension(text, dimension):
    found = read_dimension("a.b", text)
    assert found == dimension
    assert [type(value) for value in found.ends()] == [type(value) for value in dimension.ends()]


def test_whole_numbers_are_drawn_as_whole_numbers():
    values = read_dimension("n", "int(interval(1,5))").ends()
    assert values == (1, 5)
    assert all(type(value) is int for value in values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3", "hparams.space: k must be choice"),
        ("[1,2]", "hparams.space: k must be choice"),
        ("choice([1],[2])", "k: a value of a choice must be a number"),
        ("choice(1,nan)", "k: a value of a choice must be a number"),
        ("choice(1,inf)", "k: a value of a choice must be a number"),
        ("choice(1,1)", "k: every value of a choice must differ"),
        ("choice(1,true)", "k: every value of a choice must differ, was 1, true"),
        ("interval(2,1)", "k: an interval needs low < high, was 2 and 1"),
        ("interval(1,1)", "k: an interval needs low < high"),
        ("tag(log,interval(0,1))", "k: a logarithmic interval must be > 0"),
        ("tag(linear,interval(0,1))", "k: an interval may have the tag log, was linear"),
        ("range(1,2)", "k: a range needs two values or more"),
        ("interval(0", "cannot be read as key=value"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_its_key(text, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        read_dimension("k", text)
    assert "\n" not in str(refusal.value)
