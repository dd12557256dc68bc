"""Spreads from prices alone: EDGE, written a second time from the paper, and Roll."""

import numpy as np
import pytest

from tests.unit.features.feature_bars import compute, gap_removed, make_sessions, on_grid, random_bars


def edge(open_, high, low, close):
    """Return the spread as a fraction, by the estimator's definition: prices of consecutive bars, natural scale.

    Ardia, Guidotti and Kroencke (2024), equations 17 to 20: two moment conditions, weighted by their variances.
    """
    o, h, l, c = map(np.log, (open_, high, low, close))  # noqa: E741
    m = (h + l) / 2
    o1, h1, l1, c1, m1 = o[1:], h[:-1], l[:-1], c[:-1], m[:-1]
    h, l, m = h[1:], l[1:], m[1:]  # noqa: E741
    moved = (h != l) | (l != c1)
    open_off = np.mean(moved & (o1 != h)) + np.mean(moved & (o1 != l))
    close_off = np.mean(moved & (c1 != h1)) + np.mean(moved & (c1 != l1))
    if moved.sum() < 2 or open_off == 0 or close_off == 0:
        return np.nan

    def centred(returns):
        return returns - moved * returns.mean() / moved.mean()

    first = -4 / open_off * centred(m - o1) * (o1 - m1) - 4 / close_off * centred(m - c1) * (c1 - m1)
    second = -4 / open_off * centred(m - o1) * (o1 - c1) - 4 / close_off * centred(o1 - c1) * (c1 - m1)
    total = first.var() + second.var()
    weight = second.var() / total if total > 0 else 0.5
    return np.sqrt(abs(weight * first.mean() + (1 - weight) * second.mean()))


def bounced_bars(minutes, sigma, spread, seed, steps=60):
    """Return one session of bars made of trades at mid +- spread/2, random sides."""
    rng = np.random.default_rng(seed)
    mid = 100 * np.exp(np.cumsum(rng.normal(0, sigma / np.sqrt(steps), minutes * steps)))
    trades = (mid * (1 + spread / 2 * rng.choice([-1, 1], minutes * steps))).reshape(minutes, steps)
    columns = {"open": trades[:, 0], "high": trades.max(1), "low": trades.min(1), "close": trades[:, -1]}
    columns["volume"] = np.full(minutes, 100.0)
    return on_grid(make_sessions([minutes]), columns, np.ones(minutes, dtype=bool))


def prices(bars, rows):
    return bars.open[rows], bars.high[rows], bars.low[rows], bars.close[rows]


@pytest.mark.parametrize("seed", range(3))
def test_edge_equals_the_papers_estimator_over_sixty_bars(seed):
    bars = bounced_bars(400, 5e-4, 1e-3, seed)
    result = compute(bars, "ohlc_spread_bps")["ohlc_spread_bps"]
    expected = [1e4 * edge(*prices(bars, slice(t - 59, t + 1))) for t in range(59, 400)]
    np.testing.assert_allclose(result[59:], expected, rtol=1e-5)
    assert result[:59].isna().all()


def test_edge_equals_the_papers_estimator_with_still_bars():
    """Many bars do not move at all, many opens and closes lie on highs and lows."""
    bars = random_bars([400], seed=31, sigma=1e-4)
    columns = {name: np.round(getattr(bars, name), 2) for name in ("open", "high", "low", "close")}
    bars = on_grid(make_sessions([400]), columns | {"volume": bars.volume}, bars.traded)
    expected = [1e4 * edge(*prices(bars, slice(t - 59, t + 1))) for t in range(59, 400)]
    result = compute(bars, "ohlc_spread_bps")["ohlc_spread_bps"][59:]
    assert (bars.high == bars.low).sum() > 20
    np.testing.assert_allclose(result, expected, rtol=2e-4, atol=1e-4)


def test_edge_makes_no_pair_over_night():
    """60 bars of the second session make 59 pairs: then the window has left the first."""
    bars = random_bars([390, 390], seed=32)
    result = compute(bars, "ohlc_spread_bps")["ohlc_spread_bps"]
    assert result[390] == result[389]
    expected = [1e4 * edge(*prices(bars, slice(t - 59, t + 1))) for t in range(449, 780)]
    np.testing.assert_allclose(result[449:], expected, rtol=1e-5)


def test_edge_finds_the_spread_that_made_the_prices():
    found = [compute(bounced_bars(1200, 5e-4, 1e-2, seed), "ohlc_spread_bps").mean().item() for seed in range(3)]
    np.testing.assert_allclose(found, 100.0, rtol=0.05)


def test_edge_of_a_still_market_is_zero():
    columns = {name: np.full(80, 50.0) for name in ("open", "high", "low", "close")} | {"volume": np.ones(80)}
    bars = on_grid(make_sessions([80]), columns, np.ones(80, dtype=bool))
    assert (compute(bars, "ohlc_spread_bps")["ohlc_spread_bps"][60:] == 0).all()


def test_roll_is_the_root_of_the_covariance():
    bars = random_bars([390, 390, 210], seed=33, untraded=0.05)
    frame = gap_removed(bars)
    returns = frame["log_return"][~frame["first"]]
    covariance = returns.rolling(60).cov(returns.shift())
    expected = (2e4 * np.sqrt(np.maximum(0, -covariance)).where(covariance.notna())).reindex(frame.index).ffill()
    np.testing.assert_allclose(compute(bars, "roll_bps")["roll_bps"], expected, rtol=1e-5, atol=1e-5)


def test_roll_finds_a_spread_of_one_percent():
    """The squared estimates are unbiased, their roots are not: the mean square is compared."""
    bars = bounced_bars(1440, 1e-4, 1e-2, 34)
    found = compute(bars, "roll_bps")["roll_bps"].dropna()
    assert np.sqrt((found**2).mean()) == pytest.approx(100.0, rel=0.03)
