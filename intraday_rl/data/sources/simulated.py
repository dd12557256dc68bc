"""A realistic simulated market: one-minute bars with quotes, made from three-second steps.

Model, in log prices and minutes:
- The efficient price is a martingale: normal steps with a U-shaped variance over the session, and rare normal jumps.
- A transitory Ornstein-Uhlenbeck component may be added; it is what a strategy can exploit. Strength 0 leaves none.
- The spread is a whole number of ticks and widens with the volatility of the last five minutes.
- Each step trades at the bid or the ask with equal chance: closes carry the bid-ask bounce and lie on a quote. Without
  bounce, trades are at the mid; nothing else changes.
- Volume has a U-shape and log-normal noise; trade counts and quote sizes are log-normal.

Not modelled: overnight gaps, volatility that clusters beyond the U-shape, order flow that foretells prices, halts.
Each session draws from its own random branch, so more sessions leave the earlier ones as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.core.seeding import generator
from intraday_rl.data.bars import Bars, BoolArray, FloatArray
from intraday_rl.data.sessions import Sessions, exchange_sessions, parse_date
from intraday_rl.data.sources.paths import autoregressive

STEPS = 20  # price steps per minute
FULL_SESSION_MINUTES = 390
SESSIONS_PER_YEAR = 252
VOLATILITY_WINDOW = 5  # minutes that the spread looks back
WIDEST_SPREAD = 5.0  # cap, in units of the base spread
VOLUME_NOISE = 0.5  # standard deviation of log volume around its profile
SIZE_NOISE = 0.5  # standard deviation of log quote size
COUNT_NOISE = 0.3  # standard deviation of the log number of trades, given the volume
SHARES_PER_TRADE = 100.0


@dataclass(frozen=True, eq=False)
class _Draws:
    """Random numbers for T minutes; each session's rows come from its own branch. Used once: they are overwritten.

    Attributes:
        diffusion: (T, STEPS) standard normal.
        transitory: (T, STEPS) standard normal.
        jumps: (T, STEPS) sum of the standard normal jumps in a step, mostly 0.
        buys: (T, STEPS) whether the step's trade is at the ask.
        weights: (T, STEPS) standard exponential share of the minute's volume.
        noise: (T, 4) standard normal for volume, trade count, bid size and ask size.
    """

    diffusion: FloatArray
    transitory: FloatArray
    jumps: FloatArray
    buys: BoolArray
    weights: FloatArray
    noise: FloatArray


def _draw(seed: int, sessions: Sessions, jumps_per_session: float) -> _Draws:
    shape = (int(sessions.first[-1]), STEPS)
    diffusion, transitory, weights = np.empty(shape), np.empty(shape), np.empty(shape)
    jumps, buys, noise = np.zeros(shape), np.empty(shape, dtype=bool), np.empty((shape[0], 4))
    for session, minutes in enumerate(sessions.minutes):
        rows = slice(int(sessions.first[session]), int(sessions.first[session + 1]))
        random = generator(seed, "simulated_market", session)
        random.standard_normal(out=diffusion[rows])
        random.standard_normal(out=transitory[rows])
        random.standard_exponential(out=weights[rows])
        random.standard_normal(out=noise[rows])
        buys[rows] = random.integers(0, 2, size=(int(minutes), STEPS), dtype=np.int8)
        # Jumps come last: their number depends on a parameter, and must not shift the other draws.
        count = int(random.poisson(jumps_per_session * minutes / FULL_SESSION_MINUTES))
        steps = random.integers(0, minutes * STEPS, size=count)
        np.add.at(jumps[rows].reshape(-1), steps, random.standard_normal(count))
    return _Draws(diffusion, transitory, jumps, buys, weights, noise)


def u_shape(sessions: Sessions, strength: float) -> FloatArray:
    """Return a profile over each session, (T,): mean 1, 1 + 2 strength at both ends, 1 - strength in the middle."""
    _, minute, _ = sessions.rows()
    position = (minute + 0.5) / np.repeat(sessions.minutes, sessions.minutes)
    return 1.0 + strength * (12.0 * (position - 0.5) ** 2 - 1.0)


@dataclass(frozen=True, kw_only=True)
class SimulatedMarket:
    """Bars of a simulated stock on an exchange's own sessions, half-days included.

    Attributes:
        symbol: name of the instrument.
        calendar: name of the exchange calendar, such as XNYS.
        seed: seed of the market.
        start: first day that may be a session, YYYY-MM-DD.
        num_sessions: number of sessions.
        tick_size: smallest price step, price units.
        initial_price: price before the first session, price units.
        annual_volatility: of the efficient price without jumps, fraction per year of 252 sessions of 390 minutes.
        volatility_u_shape: in [0, 1): volatility at the session's ends is (1 + 2u)/(1 - u) times that in its middle.
        volume_u_shape: in [0, 1), the same for the mean volume.
        jumps_per_session: expected number of jumps in 390 minutes.
        jump_size_bps: standard deviation of a jump, bps of the price.
        mean_daily_volume: shares in 390 minutes.
        base_spread: spread at usual volatility, price units, a whole number of ticks.
        spread_widening: the spread grows by this fraction for each unit by which the volatility of the last five
            minutes exceeds the session's mean volatility; capped at five times the base.
        mean_quote_size: mean shares at the bid and at the ask.
        reversion_strength: standard deviation of the transitory component, in units of the efficient price's mean
            one-minute standard deviation; 0 = none.
        reversion_half_life_minutes: half-life of the transitory component, minutes.
        bounce: trades are at the bid or the ask; else at the mid, which can lie between two ticks.
    """

    symbol: str
    calendar: str
    seed: int
    start: str
    num_sessions: int
    tick_size: float
    initial_price: float
    annual_volatility: float
    volatility_u_shape: float
    volume_u_shape: float
    jumps_per_session: float
    jump_size_bps: float
    mean_daily_volume: float
    base_spread: float
    spread_widening: float
    mean_quote_size: float
    reversion_strength: float
    reversion_half_life_minutes: float
    bounce: bool

    def __post_init__(self) -> None:
        owner = "SimulatedMarket"
        checks.at_least(owner, "seed", self.seed, 0)
        parse_date(owner, "start", self.start)
        checks.at_least(owner, "num_sessions", self.num_sessions, 1, "sessions")
        for name, unit in (
            ("tick_size", "price units"), ("initial_price", "price units"), ("annual_volatility", "fraction per year"),
            ("mean_daily_volume", "shares"), ("mean_quote_size", "shares"), ("base_spread", "price units"),
            ("reversion_half_life_minutes", "minutes"),
        ):  # fmt: skip
            checks.positive(owner, name, getattr(self, name), unit)
        for name, unit in (
            ("jumps_per_session", "per 390 minutes"), ("jump_size_bps", "bps"), ("spread_widening", "fraction"),
            ("reversion_strength", "one-minute standard deviations"),
        ):  # fmt: skip
            checks.non_negative(owner, name, getattr(self, name), unit)
        for name in ("volatility_u_shape", "volume_u_shape"):
            if not 0 <= getattr(self, name) < 1:
                raise ParameterError(f"{owner}.{name} must be in [0, 1) (0 = flat), was {getattr(self, name)!r}")
        ticks = self.base_spread / self.tick_size
        if abs(ticks - round(ticks)) > 1e-6:
            raise ParameterError(
                f"{owner}.base_spread must be a whole number of ticks of {self.tick_size} (price units), "
                f"was {self.base_spread!r}"
            )

    def load(self) -> Bars:
        """Return the market's bars; every minute is traded.

        Raises:
            DataError: the calendar has too few sessions, or a price fell below one tick.
        """
        sessions = self._sessions()
        draws = _draw(self.seed, sessions, self.jumps_per_session)
        log_price = self._log_price(sessions, draws)
        columns = self._prices(sessions, draws, log_price) | self._volumes(sessions, draws)
        return Bars.on_grid(self.symbol, sessions, columns, np.ones(len(log_price), dtype=bool))

    @property
    def minute_deviation(self) -> float:
        """Standard deviation of the efficient log price over an average minute."""
        return self.annual_volatility / math.sqrt(SESSIONS_PER_YEAR * FULL_SESSION_MINUTES)

    def _sessions(self) -> Sessions:
        start = parse_date("SimulatedMarket", "start", self.start)
        # An exchange is open on at least two days in three, one long closure aside.
        end = start + np.timedelta64(self.num_sessions * 3 // 2 + 30, "D")
        sessions = exchange_sessions(self.calendar, start, end)
        if len(sessions) < self.num_sessions:
            raise DataError(
                f"SimulatedMarket: {self.calendar} must have {self.num_sessions} sessions from {start} to {end}, "
                f"has {len(sessions)}; choose an earlier start or another calendar"
            )
        return sessions.take(slice(0, self.num_sessions))

    def _log_price(self, sessions: Sessions, draws: _Draws) -> FloatArray:
        """Return the log of efficient price and transitory component after each step, (T, STEPS)."""
        profile = u_shape(sessions, self.volatility_u_shape)
        mean_square = np.add.reduceat(profile**2, sessions.first[:-1]) / sessions.minutes
        variance = self.minute_deviation**2 * profile**2 / np.repeat(mean_square, sessions.minutes) / STEPS
        increments = draws.diffusion  # in place, here and below: a million bars have twenty million steps
        increments *= np.sqrt(variance)[:, None]
        increments -= 0.5 * variance[:, None]  # the price, not its logarithm, is the martingale
        draws.jumps[:] *= self.jump_size_bps * 1e-4
        increments += draws.jumps
        log_price = increments.reshape(-1)
        np.cumsum(log_price, out=log_price)
        log_price += math.log(self.initial_price)
        if self.reversion_strength > 0:
            log_price += self._transitory(draws.transitory)
        return log_price.reshape(increments.shape)

    def _transitory(self, noise: FloatArray) -> FloatArray:
        """Return the stationary component over all steps in a row, (T * STEPS,); it runs on through the night."""
        deviation = self.reversion_strength * self.minute_deviation
        phi = 0.5 ** (1.0 / (self.reversion_half_life_minutes * STEPS))
        innovations, first = noise.reshape(-1), deviation * noise[0, 0]
        innovations *= deviation * math.sqrt(1.0 - phi**2)
        innovations[0] = first
        return autoregressive(innovations, phi)

    def _spread_ticks(self, log_close: FloatArray) -> FloatArray:
        """Return the spread after each minute, (T,) whole ticks >= 1.

        base * clip(1 + widening * max(0, rms / mean - 1), 1, 5), rms over the last five one-minute returns.
        """
        squares = np.diff(log_close, prepend=math.log(self.initial_price)) ** 2
        padded = np.concatenate([np.full(VOLATILITY_WINDOW - 1, self.minute_deviation**2), squares])
        windows = np.lib.stride_tricks.sliding_window_view(padded, VOLATILITY_WINDOW)
        ratio = np.sqrt(windows.mean(axis=1)) / self.minute_deviation
        widened = np.minimum(1.0 + self.spread_widening * np.maximum(0.0, ratio - 1.0), WIDEST_SPREAD)
        base_ticks = round(self.base_spread / self.tick_size)
        ticks: FloatArray = np.floor(base_ticks * widened + 0.5)
        return ticks

    def _prices(self, sessions: Sessions, draws: _Draws, log_price: FloatArray) -> dict[str, FloatArray]:
        spread = self._spread_ticks(log_price[:, -1])
        bid = np.exp(log_price, out=log_price)
        bid /= self.tick_size
        bid -= 0.5 * spread[:, None]
        bid += 0.5
        np.floor(bid, out=bid)
        if bid.min() < 1:
            session = int(np.searchsorted(sessions.first, np.argmin(bid) // STEPS, side="right")) - 1
            raise DataError(
                f"SimulatedMarket: the bid fell below one tick in session {sessions.date[session]}; "
                f"raise initial_price or lower annual_volatility"
            )
        sell_side, buy_side = (0.0, 1.0) if self.bounce else (0.5, 0.5)
        trade = np.where(draws.buys, buy_side * spread[:, None], sell_side * spread[:, None])
        trade += bid
        high, low = trade.max(axis=1), trade.min(axis=1)
        mean = (draws.weights * trade).sum(axis=1) / draws.weights.sum(axis=1)
        ticks = {
            "open": trade[:, 0], "high": high, "low": low, "close": trade[:, -1],
            "bid": bid[:, -1], "ask": bid[:, -1] + spread,
        }  # fmt: skip
        columns = {name: self._on_tick(values) for name, values in ticks.items()}
        columns["vwap"] = np.clip(mean * self.tick_size, columns["low"], columns["high"])
        return columns

    def _on_tick(self, ticks: FloatArray) -> FloatArray:
        # 50012 * 0.01 is not 500.12 to the last bit; ten decimals hold every tick size in use.
        prices: npt.NDArray[np.float64] = np.round(ticks * self.tick_size, 10)
        return prices

    def _volumes(self, sessions: Sessions, draws: _Draws) -> dict[str, FloatArray]:
        volume_noise, count_noise, bid_noise, ask_noise = draws.noise.T
        mean = self.mean_daily_volume / FULL_SESSION_MINUTES * u_shape(sessions, self.volume_u_shape)
        volume = np.maximum(1.0, np.rint(mean * _log_normal(volume_noise, VOLUME_NOISE)))
        trades = np.rint(volume / SHARES_PER_TRADE * _log_normal(count_noise, COUNT_NOISE))
        size = self.mean_quote_size
        return {
            "volume": volume,
            "trade_count": np.clip(trades, 1.0, volume),
            "bid_size": np.maximum(1.0, np.rint(size * _log_normal(bid_noise, SIZE_NOISE))),
            "ask_size": np.maximum(1.0, np.rint(size * _log_normal(ask_noise, SIZE_NOISE))),
        }


def _log_normal(noise: FloatArray, deviation: float) -> FloatArray:
    """Return log-normal factors of mean 1 from standard normal draws."""
    factors: FloatArray = np.exp(deviation * noise - 0.5 * deviation**2)
    return factors
