"""One job of a command line: called by Hydra with a configuration, it lets a task work in the job's run folder.

Conventions: what is wrong is said in one line on the terminal. A run folder in which nothing was produced is removed;
the traceback of an error that nobody foresaw is kept in the folder's `train.log`.
"""

from __future__ import annotations

import logging
import shutil
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from intraday_rl.app.command_line.messages import say
from intraday_rl.app.resuming.places import how_to_go_on
from intraday_rl.core.errors import IntradayError

Task = Callable[[dict[str, Any], Path, Sequence[str]], Any]

LOG = logging.getLogger(__name__)
LOG_NAME = "train.log"
CONFIG_FOLDER = ".hydra"
SWEEP_RECORD = "multirun.yaml"
PRELUDE = (LOG_NAME, CONFIG_FOLDER, SWEEP_RECORD)  # what stands in a folder before the task has produced anything


class Jobs:
    """The jobs of one command: one, or those of a multirun, one after the other.

    Attributes:
        failed: whether a job ended with an error.
        folder: run folder of the job at work, None between jobs.
        sweep: folder that holds the run folders of a multirun, None for a single run.
    """

    def __init__(self, task: Task) -> None:
        """Keep the task that every job lets work."""
        self._task = task
        self.failed = False
        self.folder: Path | None = None
        self.sweep: Path | None = None
        self._resumes = False

    def __call__(self, config: DictConfig) -> None:
        """Let the task work on one configuration; errors are said and remembered, interrupts pass through."""
        hydra = HydraConfig.get()
        self.folder = Path(hydra.runtime.output_dir)
        self.sweep = self.folder.parent if hydra.mode is not None and hydra.mode.name == "MULTIRUN" else None
        which = f"{' '.join(hydra.overrides.task)}: " if self.sweep else ""
        logging.captureWarnings(True)
        LOG.info("started in %s with: %s", self.folder, " ".join(hydra.overrides.task) or "the defaults")
        try:
            plain = cast("dict[str, Any]", OmegaConf.to_container(config, resolve=True))
            self._resumes = plain["resume"] is not None
            self._task(plain, self.folder, list(hydra.overrides.task))
            LOG.info("finished")
        except IntradayError as error:
            self.failed = True
            LOG.info("failed: %s", error)
            say(f"error: {which}{error}{'' if self._resumes else self._kept()}")
        except Exception as error:
            self.failed = True
            log = self.folder / LOG_NAME
            with log.open("a", encoding="utf-8") as file:
                traceback.print_exception(error, file=file)
            say(f"error: {which}{type(error).__name__}: {error}; the traceback is in {log}")
        finally:
            logging.captureWarnings(False)
        self.folder = None

    def stopped(self) -> str:
        """Return what became of the job that an interrupt ended, and of those before it."""
        LOG.info("stopped by a signal")
        left = self._kept() or "; nothing had been produced yet, nothing was kept"
        left += how_to_go_on(self.folder) if self.folder is not None else ""
        earlier = self.sweep is not None and not drop_if_bare(self.sweep)
        return f"{left}; finished runs are in {self.sweep}" if earlier else left

    def _kept(self) -> str:
        """Remove the run folder if nothing was produced in it; else return where it is and what it holds."""
        if self.folder is None or drop_if_bare(self.folder):
            return ""
        held = sorted(f"{p.name}/" if p.is_dir() else p.name for p in self.folder.iterdir() if p.name not in PRELUDE)
        return f"; kept in {self.folder}: {', '.join(held)}"


def drop_if_bare(folder: Path) -> bool:
    """Remove a folder in which nothing was produced; say whether it is gone."""
    if not folder.is_dir():
        return True
    if any(path.name not in PRELUDE for path in folder.iterdir()):
        return False
    _close_log(folder)
    shutil.rmtree(folder)
    return True


def _close_log(folder: Path) -> None:
    """Close the log file of a folder: some systems do not remove an open file."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder:
            root.removeHandler(handler)
            handler.close()
