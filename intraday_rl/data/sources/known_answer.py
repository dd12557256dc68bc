"""Markets whose best strategy is known: a mean-reverting mid and a random walk.

Conventions: bar i of a session closes at level + x[i] and opens where bar i-1 closed, so a decision at the close of
bar t is filled at the opening of bar t+1 at the same price. High and low are the larger and smaller of the two. There
are no quotes, prices are not rounded to ticks, and volume never binds. Sessions are weekdays of 390 minutes from
14:30 UTC without holidays. Each session has its own random branch: more sessions leave the earlier ones as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.core.seeding import generator
from intraday_rl.data.bars import Bars, FloatArray
from intraday_rl.data.sessions import MINUTE_NS, Sessions
from intraday_rl.data.sources.paths import autoregressive

FIRST_DAY = np.datetime64("2000-01-03", "D")
OPEN_MINUTE_UTC = 14 * 60 + 30
SESSION_MINUTES = 390
VOLUME = 1e9  # shares per bar
SAFE_DEVIATIONS = 10.0  # the level lies this many standard deviations above 0, so that no price is <= 0


def weekday_sessions(num_sessions: int) -> Sessions:
    """Return `num_sessions` weekdays of 390 minutes from 14:30 UTC."""
    dates = np.busday_offset(FIRST_DAY, np.arange(num_sessions))
    midnight_ns = dates.astype("datetime64[ns]").astype(np.int64)
    open_ns = midnight_ns + OPEN_MINUTE_UTC * MINUTE_NS
    return Sessions.from_times(dates, open_ns, open_ns + SESSION_MINUTES * MINUTE_NS)


def _session_noise(seed: int, market: str, num_sessions: int) -> FloatArray:
    """Return standard normal draws (S, 390), each row from its session's own branch."""
    noise = np.empty((num_sessions, SESSION_MINUTES))
    for session, row in enumerate(noise):
        generator(seed, market, session).standard_normal(out=row)
    return noise


def _bars(symbol: str, close: FloatArray) -> Bars:
    """Return bars from closes (S, 390)."""
    opening = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    columns = {
        "open": opening.ravel(),
        "high": np.maximum(opening, close).ravel(),
        "low": np.minimum(opening, close).ravel(),
        "close": close.ravel(),
        "volume": np.full(close.size, VOLUME),
    }
    return Bars.on_grid(symbol, weekday_sessions(len(close)), columns, np.ones(close.size, dtype=bool))


def _check_counts(owner: str, seed: int, num_sessions: int) -> None:
    checks.at_least(owner, "seed", seed, 0)
    checks.at_least(owner, "num_sessions", num_sessions, 1, "sessions")


def _check_level(owner: str, level: float, deviation: float) -> None:
    minimum = SAFE_DEVIATIONS * deviation
    if not (math.isfinite(level) and level > minimum):
        raise ParameterError(
            f"{owner}.level must be > {minimum:g} (price units, {SAFE_DEVIATIONS:g} standard deviations, "
            f"so that prices stay positive), was {level!r}; raise the level or lower sigma"
        )


@dataclass(frozen=True, kw_only=True)
class OuMarket:
    """Mid = level + x with x[t+1] = phi * x[t] + sigma * normal, x[0] drawn from the stationary law in each session.

    Attributes:
        seed: seed of the market.
        num_sessions: number of sessions.
        level: mean price, price units.
        phi: share of a deviation that is left one minute later, in [0, 1).
        sigma: standard deviation of the one-minute innovation, price units.
    """

    seed: int
    num_sessions: int
    level: float
    phi: float
    sigma: float

    def __post_init__(self) -> None:
        _check_counts("OuMarket", self.seed, self.num_sessions)
        if not 0 <= self.phi < 1:
            raise ParameterError(f"OuMarket.phi must be in [0, 1) (share left per minute), was {self.phi!r}")
        checks.positive("OuMarket", "sigma", self.sigma, "price units")
        _check_level("OuMarket", self.level, self.stationary_deviation)

    @property
    def stationary_deviation(self) -> float:
        """Standard deviation of x, price units: sigma / sqrt(1 - phi^2)."""
        return self.sigma / math.sqrt(1 - self.phi**2)

    def load(self) -> Bars:
        """Return the market's bars."""
        innovations = _session_noise(self.seed, "ou_market", self.num_sessions)
        innovations[:, 0] *= self.stationary_deviation
        innovations[:, 1:] *= self.sigma
        return _bars("OU", self.level + autoregressive(innovations, self.phi))


@dataclass(frozen=True, kw_only=True)
class MartingaleMarket:
    """Mid = level + x with x[t+1] = x[t] + sigma * normal, x[0] = 0 in each session: no strategy can expect to win.

    Attributes:
        seed: seed of the market.
        num_sessions: number of sessions.
        level: first price of each session, price units.
        sigma: standard deviation of the one-minute step, price units.
    """

    seed: int
    num_sessions: int
    level: float
    sigma: float

    def __post_init__(self) -> None:
        _check_counts("MartingaleMarket", self.seed, self.num_sessions)
        checks.positive("MartingaleMarket", "sigma", self.sigma, "price units")
        _check_level("MartingaleMarket", self.level, self.sigma * math.sqrt(SESSION_MINUTES))

    def load(self) -> Bars:
        """Return the market's bars."""
        steps = self.sigma * _session_noise(self.seed, "martingale_market", self.num_sessions)
        steps[:, 0] = 0.0
        return _bars("MARTINGALE", self.level + np.cumsum(steps, axis=1))
