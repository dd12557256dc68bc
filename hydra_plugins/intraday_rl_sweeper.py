"""The sweeper that `hparams=…` chooses: it hands the command line to the study of trials.

Hydra looks for plug-ins in this namespace only, and imports them at every start: nothing heavy stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


class StudySweeper(Sweeper):
    """Runs a study of trials, each a process of train.py; Hydra's launchers are not used."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep nothing: the study composes its trials itself."""

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study that the arguments describe until it has all of its trials."""
        from intraday_rl.app.sweeping.command import sweep

        return sweep(arguments)
