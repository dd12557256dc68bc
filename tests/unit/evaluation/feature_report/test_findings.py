"""Findings name what was planted, and nothing in noise."""

import numpy as np

from intraday_rl.evaluation.feature_report.findings import find, gather_facts, headline
from tests.unit.evaluation.feature_report.feature_tables import noise, report_data, symbol_features

SESSIONS, MINUTES = 40, 60
PARTS = {"train": np.arange(20), "test": np.arange(20, 40)}
LATER = np.arange(SESSIONS * MINUTES) >= 20 * MINUTES


def found_in(columns, parts=PARTS):
    data = report_data(symbol_features(columns, SESSIONS, parts=parts))
    facts = gather_facts(data)
    return [line.which for line in find(data, facts)], headline(data, facts)


def names(which):
    return [words.split(" ")[0] for words in which]


def test_independent_halves_show_nothing():
    for seed in range(5):
        lines, words = found_in(noise(SESSIONS, MINUTES, columns=8, seed=seed))
        assert lines == [()] * 6
    assert words == "8 features of TEST: none constant or often missing, 0 pairs nearly alike, 0 drift to test"


def test_planted_flaws_are_found():
    a, b, c, d = noise(SESSIONS, MINUTES, columns=4)
    a[LATER] += 1.0  # one standard deviation
    c[500:1000] = np.nan
    alike = -np.exp(d)  # falls where d rises, in another shape
    constant = np.full(len(a), 4.0)
    never = np.full(len(a), np.nan)
    lines, words = found_in([a, b, c, d, alike, constant, never])
    assert lines[0] == ("g",)
    assert lines[1] == ("f",)
    assert lines[2] == ("c 20.8 %",)  # 500 of 2400
    assert lines[3] == ("d ~ e -1.000",)
    assert names(lines[4]) == names(lines[5]) == ["a"]
    assert words == (
        "7 features of TEST: 3 constant, never known or often missing, 1 pair nearly alike, 1 drift to test"
    )


def test_drift_that_training_has_seen_is_not_beyond_it():
    # The level changes every five sessions; the later sessions stay at a level that training has met.
    quiet = noise(SESSIONS, MINUTES, columns=1)[0]
    session = np.repeat(np.arange(SESSIONS), MINUTES)
    regimes = quiet + np.where((session // 5 % 2 == 1) | LATER, 3.0, 0.0)
    parts = {"train": np.arange(20), "test": np.arange(20, 25)}
    lines, _ = found_in([regimes], parts)
    assert names(lines[4]) == ["a"]
    assert lines[5] == ()
    lines, _ = found_in([regimes + 3.0 * LATER], parts)
    assert names(lines[5]) == ["a"]


def test_one_training_session_has_no_yardstick_and_nothing_beyond_it():
    shifted = noise(SESSIONS, MINUTES, columns=1)[0] + 2.0 * LATER
    lines, _ = found_in([shifted], {"train": np.array([0]), "test": np.arange(20, 40)})
    assert names(lines[4]) == ["a"]
    assert lines[5] == ()


def test_constants_and_alike_features_are_those_of_training_alone():
    a, b = noise(SESSIONS, MINUTES, columns=2)
    lines, _ = found_in([np.where(LATER, a, 1.0), np.where(LATER, a, b)])
    assert lines[1] == ("a",)
    assert lines[3] == ()
