"""What an expert is, and how the sides that it wants become actions.

An expert is a parameter struct with a rule for a side: short, flat or long, -1, 0 or 1. How much that is, the
environment's risk rules decide, as for every other trader (SPEC B20). A decision at the close of bar t reads row t of
the tape and of the signals, and the account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ConfigError
from intraday_rl.core.protocols import Rule
from intraday_rl.env.batch_env import BatchEnv

Signals = Mapping[str, npt.NDArray[np.float64]]  # market features by name, raw, one value for each tape row, (T,) each
Sides = Callable[[npt.NDArray[np.void]], npt.NDArray[np.float64]]  # from AccountRow records (N,) to wanted sides (N,)


class Expert(Protocol):
    """Parameters of a rule that trades by market features."""

    @property
    def signals(self) -> tuple[str, ...]:
        """The market features that it reads."""
        ...

    @property
    def account(self) -> tuple[str, ...]:
        """The account features that show an agent what it decides by of its account."""
        ...

    def rule(self, signals: Signals) -> Rule:
        """Return the rule on a market whose signals are these; NaN = not known yet."""
        ...


@dataclass(frozen=True)
class SidePolicy:
    """Wanted sides as a policy of a batch's accounts; the observation is not looked at.

    Attributes:
        batch: whose accounts are traded.
        sides: the rule.
    """

    batch: BatchEnv
    sides: Sides

    def predict(
        self, observation: npt.NDArray[np.float32], state: Any = None, episode_start: Any = None
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the actions (N,) that take each account towards the side that the rule wants."""
        accounts = np.asarray(self.batch.accounts)
        return self.batch.rules.actions.towards(self.sides(accounts), accounts["target"]), state


def check_fit(owner: str, signals: Signals, batch: BatchEnv) -> None:
    """Refuse signals of another market, and actions that know no sides.

    Raises:
        ConfigError: a signal has not one value for each tape row, or the action map has no `towards`.
    """
    for name, values in signals.items():
        if values.shape != (len(batch.tape.rows),):
            raise ConfigError(
                f"{owner}: {name} must have one value for each of {len(batch.tape.rows)} tape rows, had the shape "
                f"{values.shape}"
            )
    if not hasattr(batch.rules.actions, "towards"):
        raise ConfigError(
            f"{owner} trades by sides and needs an action map that has `towards`, was "
            f"{type(batch.rules.actions).__name__}; choose env/actions=step, target or continuous"
        )
