"""GARCH fits: published values, the fallback, and what is kept on disk."""

import builtins
import json
import math
import os

import numpy as np
import pytest

from intraday_rl.features.fitted import garch


def simulated(size, seed=61, omega=0.4, alpha=0.1, beta=0.86):
    rng, variance, returns = np.random.default_rng(seed), omega / (1 - alpha - beta), []
    for shock in rng.normal(size=size):
        returns.append(math.sqrt(variance) * shock)
        variance = omega + alpha * returns[-1] ** 2 + beta * variance
    return np.array(returns), variance


def test_fit_finds_the_parameters_that_made_the_returns():
    returns, variance = simulated(20_000)
    forecast = garch.forecast_variance(returns)
    assert forecast.alpha == pytest.approx(0.1, abs=0.02)
    assert forecast.beta == pytest.approx(0.86, abs=0.03)
    assert forecast.variance == pytest.approx(variance, rel=0.05)


def test_fit_equals_that_of_arch_on_its_sp500_data():
    """Published forecast of the next variance, arch 8.0 on its sp500 series in percent: 3.59647, there with a mean."""
    from arch.data import sp500

    returns = 100 * sp500.load()["Adj Close"].pct_change().dropna().to_numpy()
    forecast = garch.forecast_variance(returns - 0.05635)
    assert forecast.omega == pytest.approx(0.01751, rel=0.02)
    assert forecast.alpha == pytest.approx(0.10215, rel=0.02)
    assert forecast.beta == pytest.approx(0.88521, rel=0.005)
    assert forecast.variance == pytest.approx(3.59647, rel=0.005)


def test_fit_does_not_depend_on_the_size_of_returns():
    returns, _ = simulated(2000)
    small, large = garch.forecast_variance(returns), garch.forecast_variance(1000 * returns)
    assert large.variance == pytest.approx(1e6 * small.variance, rel=1e-6)
    assert large.beta == pytest.approx(small.beta, rel=1e-6)


EXPLOSIVE = simulated(3000)[0] * np.exp(np.linspace(0, 9, 3000))


@pytest.mark.parametrize(
    "returns", [simulated(999)[0], EXPLOSIVE, np.zeros(3000), np.zeros(0)], ids=["few", "explosive", "still", "none"]
)
def test_fallback_is_a_moving_average_of_squares(returns):
    expected = np.mean(returns**2) if len(returns) else 0.0
    for value in returns:
        expected = 0.94 * expected + 0.06 * value**2
    forecast = garch.forecast_variance(returns)
    assert forecast[:3] == (0.0, pytest.approx(0.06), 0.94)
    assert forecast.variance == pytest.approx(expected, rel=1e-9)


def forecasts(*windows):
    return garch.garch_forecasts(lambda place: windows[place], len(windows))


def forbid_arch(monkeypatch):
    original = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "arch":
            raise AssertionError("arch was imported")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_kept_fits_are_read_again_without_arch(empty_cache, monkeypatch):
    windows = [simulated(1000, seed)[0] for seed in (1, 2)]
    fitted = forecasts(*windows)
    forbid_arch(monkeypatch)
    assert forecasts(*windows) == fitted
    assert forecasts(*windows, windows[0][:500])[:2] == fitted  # too few for arch
    with pytest.raises(AssertionError, match="arch was imported"):
        forecasts(simulated(1000, 3)[0])


@pytest.mark.parametrize("damage", [lambda text: text[:40], lambda text: "", lambda text: text.replace("0x1.", "0x0.")])
def test_damaged_file_is_fitted_again(empty_cache, damage):
    window = simulated(1000)[0]
    fitted = forecasts(window)
    (path,) = empty_cache.rglob("*.json")
    good = path.read_text()
    path.write_text(damage(good))
    assert forecasts(window) == fitted
    assert path.read_text() == good


def test_file_of_another_window_is_not_taken(empty_cache):
    first, second = (simulated(1000, seed)[0] for seed in (1, 2))
    forecasts(first)
    (path,) = empty_cache.rglob("*.json")
    fitted = forecasts(second)
    (other,) = set(empty_cache.rglob("*.json")) - {path}
    other.write_text(path.read_text())
    assert forecasts(second) == fitted


def test_half_written_file_leaves_nothing_behind(empty_cache, monkeypatch):
    """The process dies before the file is in its place: no file under the final name, and the next run fits again."""
    window = simulated(1000)[0]

    def die(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("os.replace", die)
        with pytest.raises(KeyboardInterrupt):
            forecasts(window)
    assert list(empty_cache.rglob("*.json")) == []
    assert len(forecasts(window)) == 1
    (path,) = empty_cache.rglob("*.json")
    assert len(json.loads(path.read_text())) == 2


def test_progress_is_shown_on_a_terminal_when_fits_take_long(monkeypatch):
    few, many = [(0, "key")] * 25, [(0, "key")] * 26  # of 0.04 s each
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert garch._with_progress(few) is few
    assert garch._with_progress(many) is not many
    assert list(garch._with_progress(many)) == many
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert garch._with_progress(many) is many


def test_oldest_fits_are_dropped(empty_cache, monkeypatch):
    monkeypatch.setattr(garch, "FITS_KEPT", 2)
    windows = [simulated(1000, seed)[0] for seed in range(3)]
    for age, window in zip((300, 200, 100), windows, strict=True):
        before = set(empty_cache.rglob("*.json"))
        forecasts(window)
        (made,) = set(empty_cache.rglob("*.json")) - before
        os.utime(made, (made.stat().st_mtime - age,) * 2)
    assert len(list(empty_cache.rglob("*.json"))) == 2
    forbid_arch(monkeypatch)
    forecasts(*windows[1:])


def test_moving_averages_are_not_kept(empty_cache):
    forecasts(simulated(999)[0], np.zeros(0))
    assert not empty_cache.exists()
