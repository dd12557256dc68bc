"""What running a command line inside the test process changes is put back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from intraday_rl.app.trials.places import FOLDER_VARIABLE


@pytest.fixture(scope="module", autouse=True)
def registry_of_trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the tests of a module, and the processes that they start, a registry of their own; return its folder."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        yield folder


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo the logging configuration that a run makes."""
    loggers = [logging.getLogger(name) for name in (None, "intraday_rl")]
    former = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, handlers, level in former:
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)
