"""The promotion ladder: nine gates on a run's summary and the evidence that it takes to believe them.

Conventions: stage 1a judges the first test sessions (five), stage 1b all of them, both by the same rules. Fractions
are of the session-start NAV. A gate passes or fails, or lacks what it needs to be judged. An evidence guard (E1-E3) and
the size guard (S1) never fail: without them the verdict is "not enough evidence", never "pass". Numbers that differ by
less than 1e-9 of the limit count as equal, so the rounding of sums decides nothing.

Where a session is a day of several accounts, the gates on one account's behaviour (G7-G9) judge the account that fares
worst, and E2 deflates the Sharpe ratio of the days: round trips that several accounts make on one day share its market.

The overall verdict is stage 1b's. Stage 1a is reported beside it and decides nothing: on five sessions chance alone
passes the nine gates in up to a fifth of windows, and one good policy in ten fails them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from intraday_rl.core import checks
from intraday_rl.evaluation.ledger import Frames
from intraday_rl.metrics.inference import deflated_sharpe_ratio

PASS, FAIL, NOT_ENOUGH = "pass", "fail", "not enough evidence"
EQUAL = 1e-9  # relative difference below which a value counts as equal to its limit

Metrics = Mapping[str, float | int | None]  # a table of `metrics.summary`


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """Limits of the gates G1-G9, of the guards E1-E3 and S1, and the length of stage 1a."""

    profit_factor_min: float
    hit_rate_min: float  # fraction of round trips
    session_drawdown_max: float  # worst observed, fraction
    slippage_budget_share_max: float  # of the slippage budget
    hold_minutes_min: float  # median, minutes
    hold_minutes_max: float
    tail_drawdown_max: float  # bootstrapped mean of the worst 5 % of sessions, fraction; equality fails
    single_loss_max: float  # fraction
    round_trips_per_session_max: int
    in_market_minutes_per_session_max: int
    evidence_sessions_min: int
    evidence_round_trips_min: int
    deflated_sharpe_min: float  # probability
    profit_factor_bound_min: float  # for the 5 % bootstrap bound; equality is not enough
    notional_in_market_min: float  # mean notional while in the market, fraction; the next stage's size, 0 asks nothing
    first_stage_sessions: int

    def check(self) -> None:
        """Refuse limits that cannot be meant.

        Raises:
            ParameterError: a limit is not a positive number, or not in its range.
        """
        owner = "GateLimits"
        for name in ("hit_rate_min", "session_drawdown_max", "tail_drawdown_max", "single_loss_max"):
            checks.fraction(owner, name, getattr(self, name))
        checks.within(owner, "deflated_sharpe_min", self.deflated_sharpe_min, 0.5, 1.0, "probability")
        checks.at_least(owner, "hold_minutes_max", self.hold_minutes_max, self.hold_minutes_min, "minutes")
        for name in ("hold_minutes_min", "notional_in_market_min"):
            checks.non_negative(owner, name, getattr(self, name))
        for name in ("profit_factor_min", "slippage_budget_share_max", "profit_factor_bound_min"):
            checks.positive(owner, name, getattr(self, name))
        for name in (
            "round_trips_per_session_max",
            "in_market_minutes_per_session_max",
            "evidence_sessions_min",
            "evidence_round_trips_min",
            "first_stage_sessions",
        ):
            checks.at_least(owner, name, getattr(self, name), 1)


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Every trial that was ever judged on a window sharing a session with this one, this one included."""

    num_trials: int | None  # None: unknown
    sharpe_variance: float | None  # of the trials' Sharpe ratios that E2 deflates; None: unknown, or one trial
    counted_on: str  # date of the count, ISO 8601

    def check(self) -> None:
        """Refuse counts below one and negative variances.

        Raises:
            ParameterError: the count is below 1, or the variance is negative.
        """
        if self.num_trials is not None:
            checks.at_least("Trials", "num_trials", self.num_trials, 1)
        if self.sharpe_variance is not None:
            checks.non_negative("Trials", "sharpe_variance", self.sharpe_variance)


@dataclass(frozen=True)
class GateResult:
    """One line of the ladder; value and limit are in the same unit, undefined values are None."""

    id: str
    name: str
    value: float | None
    limit: str
    verdict: str  # "pass", "fail" or "not enough evidence"
    reason: str


@dataclass(frozen=True)
class StageResult:
    """The gates and guards of one window."""

    stage: str  # "1a" or "1b"
    num_sessions: int
    num_round_trips: int
    gates: tuple[GateResult, ...]
    verdict: str
    explanation: str


@dataclass(frozen=True)
class Judgement:
    """Both stages, the overall verdict, and the number of trials it allows for."""

    verdict: str
    explanation: str
    stages: tuple[StageResult, ...]
    trials: Trials
    limits: GateLimits
    slippage_budget_bps: float | None

    def to_json(self) -> dict[str, object]:
        """Return nested mappings of plain JSON values, the content of gates.json."""
        return {
            "verdict": self.verdict,
            "explanation": self.explanation,
            "num_trials": self.trials.num_trials,
            "trials_sharpe_variance": self.trials.sharpe_variance,
            "trials_counted_on": self.trials.counted_on,
            "slippage_budget_bps": self.slippage_budget_bps,
            "stages": [asdict(stage) for stage in self.stages],
            "limits": asdict(self.limits),
        }


def deflated_unit(summary: Metrics) -> Literal["round_trip", "session"]:
    """Return whose Sharpe ratio E2 deflates: of round trips, or of days where a session is one of several accounts."""
    return "round_trip" if summary["num_accounts"] == 1 else "session"


def first_sessions(frames: Frames, count: int) -> Frames:
    """Return the ledger's frames, sessions first, cut to the first `count` sessions: the window of stage 1a.

    Args:
        frames: Sessions, round trips, fills and bars, in time order.
        count: Sessions to keep; all when there are fewer.
    """
    kept = frames[0]["session"].iloc[:count]
    sessions, trades, fills, bars = (frame[frame["session"].isin(kept)] for frame in frames)
    return sessions, trades, fills, bars


def judge(
    first_stage: Metrics, whole: Metrics, *, limits: GateLimits, trials: Trials, slippage_budget_bps: float | None
) -> Judgement:
    """Return the judgement of a run.

    Args:
        first_stage: Summary of the first test sessions (see `first_sessions`).
        whole: Summary of all test sessions.
        limits: Limits of gates and guards.
        trials: Number of trials that this run's choice allows for.
        slippage_budget_bps: Frozen with the model; None when it has none, then G4 lacks evidence.

    Raises:
        ParameterError: a limit, the number of trials or the budget is impossible.
    """
    limits.check()
    trials.check()
    if slippage_budget_bps is not None:
        checks.non_negative("judge", "slippage_budget_bps", slippage_budget_bps, "bps")
    stages = tuple(
        _Window(summary, limits, trials, slippage_budget_bps).judge(stage)
        for stage, summary in (("1a", first_stage), ("1b", whole))
    )
    return Judgement(stages[1].verdict, stages[1].explanation, stages, trials, limits, slippage_budget_bps)


class _Window:
    """One window's summary and what it is judged by."""

    def __init__(self, summary: Metrics, limits: GateLimits, trials: Trials, budget_bps: float | None) -> None:
        self.summary = summary
        self.limits = limits
        self.trials = trials
        self.budget_bps = budget_bps
        self.sessions = self.count("num_sessions")
        self.round_trips = self.count("num_round_trips")

    def judge(self, stage: str) -> StageResult:
        """Return all gates and guards with the window's verdict and its explanation."""
        evidence = self.amount()
        gates = (
            self.profit_factor(evidence.verdict == PASS),
            self.hit_rate(),
            self.session_drawdown(),
            self.slippage(),
            self.hold(),
            self.tail_drawdown(),
            self.single_loss(),
            self.most("G8", "round trips per session", "round_trips_per_session"),
            self.most("G9", "minutes in the market per session", "in_market_minutes_per_session"),
            evidence,
            self.deflated_sharpe(),
            self.profit_factor_bound(),
            self.size(),
        )
        verdict = next((word for word in (FAIL, NOT_ENOUGH) if any(gate.verdict == word for gate in gates)), PASS)
        return StageResult(stage, self.sessions, self.round_trips, gates, verdict, self.explain(gates, verdict))

    def explain(self, gates: tuple[GateResult, ...], verdict: str) -> str:
        """Return one line: what decided, or on how much evidence all gates hold."""
        trials = "an unknown number of" if self.trials.num_trials is None else self.trials.num_trials
        window = f"{self.sessions} sessions, {self.round_trips} round trips, {trials} trials"
        if verdict == PASS:
            return f"{PASS}: all gates and guards hold ({window})"
        deciding = "; ".join(f"{gate.id} {gate.reason}" for gate in gates if gate.verdict == verdict)
        return f"{verdict}: {deciding} ({window})"

    def number(self, key: str) -> float | None:
        value = self.summary[key]
        return None if value is None or not math.isfinite(value) else float(value)

    def count(self, key: str) -> int:
        return int(self.number(key) or 0)

    def profit_factor(self, enough: bool) -> GateResult:
        minimum, value = self.limits.profit_factor_min, self.number("profit_factor")
        head = ("G1", "profit factor", value, f">= {minimum:g}")
        if self.summary["pf_undefined"]:
            return GateResult(*head, PASS if enough else NOT_ENOUGH, "profit factor is infinite: no losing round trip")
        if value is None:
            return GateResult(*head, FAIL, self.no_trades("profit factor"))
        return GateResult(*head, _decide(_at_least(value, minimum)), f"profit factor is {value:.3f}{_vs(head[3])}")

    def hit_rate(self) -> GateResult:
        minimum, value = self.limits.hit_rate_min, self.number("hit_rate")
        head = ("G2", "hit rate", value, f">= {minimum:g}")
        if value is None:
            return GateResult(*head, FAIL, self.no_trades("hit rate"))
        reason = f"hit rate is {value:.2%}, limit >= {minimum:.2%}"
        even = self.number("break_even_hit_rate")
        return GateResult(
            *head, _decide(_at_least(value, minimum)), reason + (f", break-even {even:.2%}" if even is not None else "")
        )

    def session_drawdown(self) -> GateResult:
        maximum, value = self.limits.session_drawdown_max, self.number("worst_session_drawdown")
        head = ("G3", "worst session drawdown", value, f"<= {maximum:g}")
        if value is None:
            return GateResult(*head, NOT_ENOUGH, "worst session drawdown is unknown: no sessions")
        reason = f"worst session drawdown is {value:.3%}, limit <= {maximum:.3%}"
        return GateResult(
            *head,
            _decide(_at_most(value, maximum)),
            reason + self.in_gross_profit("worst_session_drawdown_in_gross_profit"),
        )

    def slippage(self) -> GateResult:
        share, value = self.limits.slippage_budget_share_max, self.number("slippage_bps")
        name = "mean slippage (bps)"
        if self.budget_bps is None:
            return GateResult("G4", name, value, f"<= {share:g} x budget", NOT_ENOUGH, "there is no slippage budget")
        limit = f"<= {share * self.budget_bps:.4g}"
        if value is None:
            return GateResult("G4", name, value, limit, FAIL, self.no_trades("slippage"))
        reason = f"mean slippage is {value:.3f} bps, limit <= {share:g} x {self.budget_bps:.3f} bps"
        return GateResult("G4", name, value, limit, _decide(_at_most(value, share * self.budget_bps)), reason)

    def hold(self) -> GateResult:
        low, high = self.limits.hold_minutes_min, self.limits.hold_minutes_max
        value = self.number("hold_median_minutes")
        head = ("G5", "median holding time (minutes)", value, f"{low:g} to {high:g}")
        if value is None:
            return GateResult(*head, FAIL, self.no_trades("holding time"))
        holds = _at_least(value, low) and _at_most(value, high)
        return GateResult(*head, _decide(holds), f"median hold is {value:.1f} minutes, limit {low:g} to {high:g}")

    def tail_drawdown(self) -> GateResult:
        maximum, value = self.limits.tail_drawdown_max, self.number("tail_drawdown")
        head = ("G6", "tail (5 %) session drawdown", value, f"< {maximum:g}")
        if value is None:
            return GateResult(*head, NOT_ENOUGH, "tail drawdown is unknown: no bars")
        reason = f"tail drawdown is {value:.3%}, limit < {maximum:.3%}"
        return GateResult(
            *head, _decide(_below(value, maximum)), reason + self.in_gross_profit("tail_drawdown_in_gross_profit")
        )

    def single_loss(self) -> GateResult:
        maximum = self.limits.single_loss_max
        loss = max(0.0, -(self.number("worst_trade_fraction") or 0.0))
        reason = f"largest loss of a round trip is {loss:.3%} of NAV, limit <= {maximum:.3%}"
        return GateResult(
            "G7",
            "largest single loss",
            loss,
            f"<= {maximum:g}",
            _decide(_at_most(loss, maximum)),
            reason + self.in_gross_profit("worst_loss_in_gross_profit"),
        )

    def most(self, gate_id: str, name: str, quantity: str) -> GateResult:
        maximum, value = getattr(self.limits, f"{quantity}_max"), self.count(f"max_{quantity}")
        reason = f"most {name}: {value}, limit <= {maximum}"
        return GateResult(gate_id, name, float(value), f"<= {maximum}", _decide(value <= maximum), reason)

    def amount(self) -> GateResult:
        sessions, round_trips = self.limits.evidence_sessions_min, self.limits.evidence_round_trips_min
        enough = self.sessions >= sessions and self.round_trips >= round_trips
        return GateResult(
            "E1",
            "round trips (and sessions)",
            float(self.round_trips),
            f">= {round_trips} (in >= {sessions} sessions)",
            PASS if enough else NOT_ENOUGH,
            f"{self.sessions} sessions and {self.round_trips} round trips, needs {sessions} and {round_trips}",
        )

    def deflated_sharpe(self) -> GateResult:
        minimum, variance, trials = self.limits.deflated_sharpe_min, self.trials.sharpe_variance, self.trials.num_trials
        name, limit = "deflated Sharpe ratio", f">= {minimum:g}"
        value = math.nan
        if trials is None:
            return GateResult("E2", name, None, limit, NOT_ENOUGH, "the number of trials is unknown")
        if variance is None and trials > 1:
            reason = f"the variance of the Sharpe ratios of {trials} trials is unknown"
            return GateResult("E2", name, None, limit, NOT_ENOUGH, reason)
        unit = deflated_unit(self.summary)
        sharpe, skewness, kurtosis = (self.number(f"{unit}_{key}") for key in ("sharpe", "skewness", "kurtosis"))
        if sharpe is not None and skewness is not None and kurtosis is not None:
            count = self.round_trips if unit == "round_trip" else self.sessions
            value = deflated_sharpe_ratio(sharpe, count, skewness, kurtosis, trials, variance or 0.0)
        if math.isnan(value):
            reason = f"the deflated Sharpe ratio is undefined: too few or equal {unit.replace('_', ' ')}s"
            return GateResult("E2", name, None, limit, NOT_ENOUGH, reason)
        reason = f"deflated Sharpe ratio is {value:.3f}{_vs(limit)}"
        return GateResult("E2", name, value, limit, PASS if _at_least(value, minimum) else NOT_ENOUGH, reason)

    def profit_factor_bound(self) -> GateResult:
        minimum, value = self.limits.profit_factor_bound_min, self.number("profit_factor_lower_bound")
        head = ("E3", "profit factor, 5 % bootstrap bound", value, f"> {minimum:g}")
        if self.summary["pf_undefined"]:
            return GateResult(*head, PASS, "profit factor is infinite in every resample: no losing round trip")
        if value is None:
            return GateResult(*head, NOT_ENOUGH, self.no_trades("profit-factor bound"))
        enough = value > minimum * (1.0 + EQUAL)
        return GateResult(
            *head, PASS if enough else NOT_ENOUGH, f"bootstrap bound of the profit factor is {value:.3f}{_vs(head[3])}"
        )

    def size(self) -> GateResult:
        minimum, value = self.limits.notional_in_market_min, self.number("mean_notional_in_market")
        head = ("S1", "mean notional / NAV in the market", value, f">= {minimum:g}")
        if value is None:
            return GateResult(*head, NOT_ENOUGH, self.no_trades("position size"))
        reason = f"mean position is {value:.1%} of NAV, the next stage's is {minimum:.1%}"
        return GateResult(*head, PASS if _at_least(value, minimum) else NOT_ENOUGH, reason)

    def no_trades(self, name: str) -> str:
        if self.round_trips == 0:
            return f"{name} is undefined: no round trips"
        return f"{name} is undefined"

    def in_gross_profit(self, key: str) -> str:
        value = self.number(key)
        return "" if value is None else f" ({value:.2f} x the sum of wins)"


def _decide(holds: bool) -> str:
    return PASS if holds else FAIL


def _vs(limit: str) -> str:
    return f", limit {limit}"


def _at_least(value: float, minimum: float) -> bool:
    return value >= minimum - EQUAL * abs(minimum)


def _at_most(value: float, maximum: float) -> bool:
    return value <= maximum + EQUAL * abs(maximum)


def _below(value: float, maximum: float) -> bool:
    return value < maximum - EQUAL * abs(maximum)
