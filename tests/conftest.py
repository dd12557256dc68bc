"""What running a command line inside the test process changes is put back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


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
