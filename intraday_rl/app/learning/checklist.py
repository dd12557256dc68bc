"""The check-list of a short run: what a first look at a configuration wants to know (SPEC R140, R141)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table

GOOD, LOOK = "ok", "look"
HARD = "layers.hard_drawdown"
LEARNER = {  # metric -> what it is called here
    "train/entropy": "entropy of the policy, nats",
    "train/approx_kl": "KL divergence of an update, nats",
    "train/clip_fraction": "share of clipped policy ratios",
    "train/explained_variance": "explained variance of the critic",
    "train/ent_coef": "entropy coefficient",
    "train/actor_loss": "loss of the actor",
    "train/critic_loss": "loss of the critic",
}


class Row(NamedTuple):
    """A line of the list; the verdict is empty where a number is neither right nor wrong."""

    what: str
    value: str
    verdict: str


class Checklist:
    """A listener that counts what happens in a training."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._numbers: dict[str, float] = {}
        self._alarms: set[str] = set()
        self._rewards: list[float] = []
        self._lengths: list[int] = []
        self._halts: list[str] = []
        self._resets = 0
        self._first: tuple[int, float] | None = None
        self._last = (0, 0.0)

    def on_step(self, step: int) -> None:
        """Take the time."""
        self._last = (step, time.perf_counter())
        self._first = self._first or self._last

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Count a finished episode."""
        self._rewards.append(info["episode"]["r"])
        self._lengths.append(info["episode"]["l"])
        self._halts.append(info["halted_by"])
        self._resets += info["baseline_resets"]

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep the latest of each number, and the alarms that began."""
        self._numbers |= metrics
        self._alarms |= {name for name, value in metrics.items() if name.startswith("alarm/") and value > 0.0}

    def state(self) -> dict[str, Any]:
        """Return what was counted; how fast it went is asked of each process anew."""
        return {
            "numbers": self._numbers,
            "alarms": sorted(self._alarms),
            "rewards": self._rewards,
            "lengths": self._lengths,
            "halts": self._halts,
            "resets": self._resets,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the list was when it gave that state."""
        self._numbers, self._alarms, self._resets = dict(state["numbers"]), set(state["alarms"]), state["resets"]
        self._rewards, self._lengths = list(state["rewards"]), list(state["lengths"])
        self._halts = list(state["halts"])

    def rows(self, model: Any) -> list[Row]:
        """Return the list.

        Args:
            model: the SB3 model that was trained.
        """
        replaced = int(self._numbers.get("rollout/replaced", 0))
        hard = self._halts.count(HARD)
        alarms = ", ".join(sorted(name.removeprefix("alarm/") for name in self._alarms)) or "none"
        return [
            Row("observation", f"{model.observation_space.shape}, as the network takes it", GOOD),
            Row("actions", str(model.action_space), GOOD),
            Row("numbers not finite", str(replaced), GOOD if replaced == 0 else LOOK),
            *self._episode_rows(),
            *(Row(what, f"{self._numbers[key]:.4g}", "") for key, what in LEARNER.items() if key in self._numbers),
            Row("alarms", alarms, LOOK if self._alarms else GOOD),
            Row("sessions ended by the hard drawdown", str(hard), GOOD if hard == 0 else LOOK),
            Row("sessions ended by another layer", str(sum(h not in ("", HARD) for h in self._halts)), ""),
            Row("drawdown baselines set anew", str(self._resets), GOOD if self._resets == 0 else LOOK),
            Row("steps per second, with evaluations", f"{self.steps_per_second:,.0f}", ""),
        ]

    @property
    def steps_per_second(self) -> float:
        """Environment steps per second of wall time between the first and the last one; 0 for fewer than two."""
        if self._first is None or self._last[1] <= self._first[1]:
            return 0.0
        return (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])

    def _episode_rows(self) -> list[Row]:
        count = len(self._rewards)
        rows = [Row("finished sessions", str(count), GOOD if count else LOOK)]
        if count:
            per_step = sum(self._rewards) / sum(self._lengths)
            rows.append(Row("reward of a session, of a step", f"{sum(self._rewards) / count:.4g}, {per_step:.4g}", ""))
        return rows


def checklist_table(rows: Sequence[Row]) -> Table:
    """Return the list as a table for the terminal."""
    table = Table(title="Check-list of the training", title_justify="left")
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(row.what, row.value, f"[{'green' if row.verdict == GOOD else 'yellow'}]{row.verdict}[/]")
    return table
