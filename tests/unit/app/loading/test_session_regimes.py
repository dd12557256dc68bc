"""The regime of each session of a tape, from the raw columns of its symbols."""

from types import SimpleNamespace

import numpy as np

from intraday_rl.app.loading.session_regimes import tape_regimes
from intraday_rl.features import REGIMES
from intraday_rl.market.tape import join_tapes
from tests.support.tapes import make_tape, of_symbol

MINUTES = 4


def symbol(regimes_of_minutes):
    """Return bars and table of sessions whose minutes have these regimes, -1 = not known yet."""
    codes = np.array(regimes_of_minutes).ravel()
    values = np.full((len(codes), 1 + len(REGIMES)), np.nan)
    values[codes >= 0, 1:] = np.eye(len(REGIMES))[codes[codes >= 0]]
    first = MINUTES * np.arange(len(regimes_of_minutes) + 1)
    return SimpleNamespace(sessions=SimpleNamespace(first=first)), SimpleNamespace(
        names=("ret_1", *REGIMES), values=values
    )


def tape_of(name, num_sessions):
    return of_symbol(make_tape([[{"close": 100.0}] * MINUTES] * num_sessions), name)


def test_session_has_the_regime_of_most_of_its_minutes():
    symbols = [symbol([[-1, -1, -1, -1], [-1, -1, -1, 2], [3, 0, 0, 0], [1, 1, 3, 3]])]
    assert tape_regimes(tape_of("AAA", 4), symbols).tolist() == [-1, 2, 0, 1]


def test_sessions_of_several_symbols_are_told_apart():
    tape = join_tapes([tape_of("AAA", 3), tape_of("BBB", 2)])  # by date: A B A B A
    symbols = [symbol([[0] * 4, [1] * 4, [2] * 4]), symbol([[3] * 4, [-1] * 4])]
    assert tape_regimes(tape, symbols).tolist() == [0, 3, 1, -1, 2]
