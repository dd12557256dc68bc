"""What is fitted on earlier sessions, against numpy over the same sessions."""

import dataclasses

import numpy as np
import pytest

from intraday_rl.features.fitted import seasons
from intraday_rl.features.references import NO_REFERENCES
from tests.unit.features.feature_bars import make_sessions, on_grid, random_bars

LENGTHS = [390, 210, *[390] * 24]
BARS = random_bars(LENGTHS, seed=51, untraded=0.1, optional=("trade_count",))
NEXT = seasons.NextSession(390, np.datetime64("2024-03-01"))
FITS = seasons.fit_sessions(BARS, NEXT, (), NO_REFERENCES)
VOLUME = seasons.to_grid(BARS, BARS.volume, 390)


def before(session):
    return slice(max(0, session - 20), session)


def test_rows_serve_each_session_and_the_next():
    assert FITS.sessions["minutes"].tolist() == [*LENGTHS, 390]
    assert FITS.sessions["earlier_sessions"].tolist() == [*range(20), *[20] * 7]
    assert FITS.minutes.shape == (27, 390)


def test_no_row_is_made_for_a_next_session_that_is_not_asked_for():
    fits = seasons.fit_sessions(BARS, None, (), NO_REFERENCES)
    assert fits.minutes.shape == (26, 390)
    np.testing.assert_array_equal(fits.minutes["usual_volume"], FITS.minutes["usual_volume"][:-1])


@pytest.mark.parametrize(("field", "column"), [("usual_volume", "volume"), ("usual_trades", "trade_count")])
def test_usual_values_are_medians_of_the_minute_over_earlier_sessions(field, column):
    grid = seasons.to_grid(BARS, np.where(BARS.traded, getattr(BARS, column), 0.0), 390)
    assert np.isnan(FITS.minutes[field][0]).all()
    for session in (1, 5, 20, 22, 26):  # not 21: its twenty sessions differ between the minutes, see below
        np.testing.assert_array_equal(FITS.minutes[field][session], np.nanmedian(grid[before(session)], axis=0))


def test_session_that_does_not_count_trades_is_left_out_of_their_medians():
    """A file without trade counts in its first two sessions: minutes without a bar in them are not zero trades."""
    counts = np.where(BARS.session < 2, np.nan, BARS.trade_count)
    fits = seasons.fit_sessions(dataclasses.replace(BARS, trade_count=counts), None, (), NO_REFERENCES)
    grid = seasons.to_grid(BARS, np.where(BARS.traded, BARS.trade_count, 0.0), 390)
    assert np.isnan(fits.minutes["usual_trades"][:3]).all()
    np.testing.assert_array_equal(fits.minutes["usual_trades"][5], np.nanmedian(grid[2:5], axis=0))


def test_half_day_is_left_out_of_the_minutes_it_does_not_have():
    """Before session 21, the last twenty with minute 300 are 0 and 2 to 20, those with minute 100 are 1 to 20."""
    late = np.delete(VOLUME[:21], 1, axis=0)[:, 300]
    assert FITS.minutes["usual_volume"][21, 300] == np.median(late)
    assert FITS.minutes["usual_volume"][21, 100] == np.median(VOLUME[1:21, 100])


def test_bucket_volume_is_a_fiftieth_of_the_mean_session_volume():
    totals = np.nansum(VOLUME, axis=1)
    assert FITS.sessions["bucket_volume"][0] == totals[0] / 50
    for session in (1, 5, 26):
        assert FITS.sessions["bucket_volume"][session] == pytest.approx(totals[before(session)].mean() / 50, rel=1e-14)


def test_session_returns_skip_first_bars_and_minutes_without_a_bar():
    """Closes 1, 2, -, 4 and -, 4, 8: the returns are ln 2 and ln 2 in session 0, ln 2 in session 1."""
    close = np.array([1.0, 2.0, 9.0, 4.0, 9.0, 4.0, 8.0])
    traded = np.array([True, True, False, True, False, True, True])
    columns = {name: close for name in ("open", "high", "low", "close")} | {"volume": np.ones(7)}
    returns = seasons.session_returns(on_grid(make_sessions([4, 3]), columns, traded))
    np.testing.assert_allclose(returns, [np.nan, np.log(2), np.nan, np.log(2), np.nan, np.nan, np.log(2)])


def test_usual_moves_find_the_pattern_of_the_day():
    """Planted: the first 60 minutes move three times as much as the other 330."""
    pattern = np.where(np.arange(390) < 60, 3.0, 1.0)
    returns = np.random.default_rng(52).normal(0, 1e-4, (40, 390)) * pattern
    moves = seasons.usual_moves(returns)
    relative = pattern / np.sqrt(np.mean(pattern**2))
    away_from_the_step = np.r_[0:44, 76:390]
    np.testing.assert_allclose(moves[40][away_from_the_step], relative[away_from_the_step], rtol=0.1)
    assert np.mean((returns[20:] / moves[40]) ** 2) == pytest.approx(np.mean(returns[20:] ** 2), rel=0.03)


def test_usual_moves_of_a_still_market_and_of_unseen_minutes_are_one():
    still = np.zeros((2, 50))
    np.testing.assert_array_equal(seasons.usual_moves(still)[1:], 1.0)
    returns = np.full((1, 100), np.nan)
    returns[0, :40] = 1e-4
    np.testing.assert_array_equal(seasons.usual_moves(returns)[1, 55:], 1.0)


def test_fits_of_a_session_do_not_see_it_nor_later_ones():
    """Every number from session 7 on is replaced: the fits that serve sessions 1 to 7 stay as they are."""
    values = random_bars(LENGTHS, seed=53, optional=("trade_count",))
    first = int(BARS.sessions.first[7])
    columns = {name: getattr(BARS, name).copy() for name in ("open", "high", "low", "close", "volume", "trade_count")}
    for name, column in columns.items():
        column[first:] = getattr(values, name)[first:]
    traded = BARS.traded.copy()
    traded[first:] = values.traded[first:]
    other = seasons.fit_sessions(on_grid(BARS.sessions, columns, traded), NEXT, (), NO_REFERENCES)
    assert other.minutes[:8].tobytes() == FITS.minutes[:8].tobytes()
    assert other.sessions[:8].tobytes() == FITS.sessions[:8].tobytes()
    assert (other.minutes["usual_volume"][8] != FITS.minutes["usual_volume"][8]).any()


def test_fits_do_not_change_when_a_longer_session_follows():
    """The order in which numpy adds a row depends on its width; the fits of earlier sessions must not."""
    names = ("garch1", "vol_tercile")
    for seed in range(4):
        longer = random_bars([210] * 8 + [390], seed, optional=("trade_count",))
        before, after = (
            seasons.fit_sessions(bars, None, names, NO_REFERENCES) for bars in (longer.take_sessions(0, 8), longer)
        )
        for name in ("usual_volume", "usual_trades", "usual_move"):
            assert after.minutes[name][:8, :210].tobytes() == before.minutes[name].tobytes(), name
        for name in seasons.SESSION_FIT.names:
            assert after.sessions[name][:8].tobytes() == before.sessions[name].tobytes(), name
