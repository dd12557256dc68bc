"""GARCH(1,1) of deseasonalised minute returns, fitted by `arch` once per session and kept on disk.

Conventions: returns in basis points. A fit is kept under the fingerprint of its own window of returns, of this module's
settings and of arch's version, one small file each, written whole or not at all; a file that does not verify is fitted
again. `arch` is imported only when a fit is missing. No fit is refused silently: what stands in for it is EWMA 0.94.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import platformdirs

from intraday_rl.core.hashing import hash_arrays, hash_json

ReturnsArray = npt.NDArray[np.float64]  # bps, in time order

LEAST_RETURNS = 1000  # fewer say too little about three parameters
MOST_PERSISTENT = 0.999  # alpha + beta at or above it counts as no fit
EWMA_DECAY = 0.94
FITS_KEPT = 20_000  # on disk, about 80 MB
SECONDS_PER_FIT = 0.04
PATIENCE_SECONDS = 1.0  # a progress bar is shown when the fits are expected to take longer


class GarchForecast(NamedTuple):
    """h_(t+1) = omega + alpha e_t^2 + beta h_t, and the h of the first return after the window; bps squared."""

    omega: float
    alpha: float
    beta: float
    variance: float


def garch_forecasts(window_of: Callable[[int], ReturnsArray], count: int) -> list[GarchForecast]:
    """Return the forecasts of the windows 0 .. count - 1; those that were fitted before are read from disk.

    Args:
        window_of: returns a window; asked one window at a time, since together they are large.
        count: number of windows.
    """
    folder = Path(platformdirs.user_cache_dir("intraday_rl")) / "garch"
    forecasts: dict[int, GarchForecast] = {}
    missing: dict[int, str] = {}
    for place in range(count):
        window = window_of(place)
        if len(window) < LEAST_RETURNS:
            forecasts[place] = forecast_variance(window)
            continue
        key = _key(window)
        kept = _read(folder, key)
        if kept is None:
            missing[place] = key
        else:
            forecasts[place] = kept
    for place, key in _with_progress(list(missing.items())):
        forecasts[place] = forecast_variance(window_of(place))
        with suppress(OSError):  # where nothing can be kept, it is fitted again next time
            _write(folder, key, forecasts[place])
    if missing:
        _drop_oldest(folder)
    return [forecasts[place] for place in range(count)]


def forecast_variance(returns: ReturnsArray) -> GarchForecast:
    """Fit GARCH(1,1) with mean zero and normal errors by maximum likelihood; where that fails, return EWMA 0.94.

    It fails with fewer than 1000 returns, on a market that did not move, when the optimiser does not converge, and when
    alpha + beta >= 0.999. Returns are scaled to unit variance for the optimiser.

    Source: Bollerslev (1986); the fallback is that of RiskMetrics (1996).
    """
    scale = float(np.sqrt(np.mean(returns * returns))) if len(returns) else 0.0
    if len(returns) >= LEAST_RETURNS and scale > 0.0:
        fitted = _fit(returns / scale)
        if fitted is not None:
            square = scale * scale
            return GarchForecast(fitted.omega * square, fitted.alpha, fitted.beta, fitted.variance * square)
    return GarchForecast(0.0, 1.0 - EWMA_DECAY, EWMA_DECAY, _moving_variance(returns, scale * scale))


def _moving_variance(returns: ReturnsArray, start: float) -> float:
    """Return h after the returns, h = 0.94 h + 0.06 r^2 from `start`."""
    weights = (1.0 - EWMA_DECAY) * EWMA_DECAY ** np.arange(len(returns) - 1, -1, -1)
    return float(weights @ (returns * returns) + start * EWMA_DECAY ** len(returns))


def _fit(returns: ReturnsArray) -> GarchForecast | None:
    from arch import arch_model  # takes seconds to import, and is needed only here

    model = arch_model(returns, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    result = model.fit(disp="off", show_warning=False)
    omega, alpha, beta = (float(result.params[name]) for name in ("omega", "alpha[1]", "beta[1]"))
    variance = float(result.forecast(horizon=1).variance.to_numpy()[-1, 0])
    is_usable = result.convergence_flag == 0 and alpha + beta < MOST_PERSISTENT
    forecast = GarchForecast(omega, alpha, beta, variance)
    return forecast if is_usable and all(map(math.isfinite, forecast)) else None


def _key(window: ReturnsArray) -> str:
    settings = [version("arch"), LEAST_RETURNS, MOST_PERSISTENT, EWMA_DECAY]
    return hash_json([hash_arrays(window), settings])


def _path(folder: Path, key: str) -> Path:
    return folder / key[:2] / f"{key}.json"


def _read(folder: Path, key: str) -> GarchForecast | None:
    """Return the forecast kept under the key; None when there is none, or its file is damaged."""
    try:
        values, check = json.loads(_path(folder, key).read_text())
        forecast = GarchForecast(*map(float.fromhex, values))
    except (OSError, ValueError, TypeError):
        return None
    return forecast if check == hash_json([key, values]) else None


def _write(folder: Path, key: str, forecast: GarchForecast) -> None:
    """Put the forecast into its place in one step, so that no reader sees half a file."""
    path = _path(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    values = [value.hex() for value in forecast]
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w") as file:
        json.dump([values, hash_json([key, values])], file)
    os.replace(temporary, path)


def _drop_oldest(folder: Path) -> None:
    """Keep the newest files only; what a killed process left behind grows old with them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in sorted(files, key=_modified, reverse=True)[FITS_KEPT:]:
        path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    """Return the time of the last change; 0 when another process has just dropped the file."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _with_progress(fits: list[tuple[int, str]]) -> Iterable[tuple[int, str]]:
    if len(fits) * SECONDS_PER_FIT <= PATIENCE_SECONDS or not sys.stderr.isatty():
        return fits
    from rich.console import Console
    from rich.progress import track

    return track(fits, description="GARCH fits", console=Console(stderr=True))
