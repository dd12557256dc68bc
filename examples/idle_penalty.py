"""A reward term of one's own, as a module outside the package: `plugins=[idle_penalty]` makes it known.

From a shell in this folder's parent:

    PYTHONPATH=examples python train.py 'plugins=[idle_penalty]' \
        '+reward.terms.idle={_target_: idle_penalty.IdlePenalty, penalty_bps: 0.05, patience_bars: 30}'
"""

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards import StepRow, reward_term, usd_of_bps
from intraday_rl.market.rows import OwnMemory


class IdlePenalty(NamedTuple):
    """A charge for every bar out of the market after the first so many, in basis points of session-start NAV."""

    penalty_bps: float
    patience_bars: int

    def check(self) -> None:
        """Refuse negative charges and patience."""
        checks.non_negative("IdlePenalty", "penalty_bps", self.penalty_bps, "bps of session-start NAV")
        checks.non_negative("IdlePenalty", "patience_bars", self.patience_bars, "bars")


@reward_term.model.implement(IdlePenalty)
def idle_penalty(params: IdlePenalty, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the charge; memory: bars out of the market in a row."""
    memory.first = memory.first + 1.0 if step.position == 0.0 else 0.0
    return -usd_of_bps(params.penalty_bps, step) if memory.first > params.patience_bars else 0.0


if __name__ == "__main__":
    import intraday_rl

    term = "{_target_: idle_penalty.IdlePenalty, penalty_bps: 0.05, patience_bars: 30}"
    env = intraday_rl.make_env(
        ["plugins=[idle_penalty]", f"+reward.terms.idle={term}", "data.source.num_sessions=40"], sessions="test"
    )
    env.reset(seed=0)
    charged, ended = 0.0, False
    while not ended:
        _, _, terminated, truncated, info = env.step(1)  # HOLD
        charged += info["reward_parts"]["idle"]
        ended = terminated or truncated
    print(f"A session without a trade was charged {-charged:.2f} bps for {info['session']}.")
