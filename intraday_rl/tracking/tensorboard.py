"""TensorBoard scalars of our own (hit rate, Sharpe, drawdown, exposure, ...) beside those of Stable-Baselines3.

Both in one folder: Stable-Baselines3 writes its `train/*`, `time/*` and `rollout/*` through its own logger. Its
`TensorBoardOutputFormat(folder)` opens an event file there and keeps the writer in `.writer`. Hand that writer to
`TensorboardScalars.beside(writer)` and all scalars share one event file and one run in the page. A second event
file in the same folder would be read too, but TensorBoard stops following the older of the two while they grow.
Without Stable-Baselines3, `TensorboardScalars.in_folder(folder)` opens a writer itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

FLUSH_SECONDS = 10


class ScalarWriter(Protocol):
    """What is needed of a writer; `torch.utils.tensorboard.SummaryWriter` has it."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Store one value."""

    def close(self) -> None:
        """Write out and close the file."""


class TensorboardScalars:
    """Writer of named scalars. The tensorboard package is imported at the first value, not before."""

    def __init__(self, folder: Path | None, writer: ScalarWriter | None) -> None:
        """Use `in_folder` or `beside` instead."""
        self._folder = folder
        self._writer = writer
        self._owns_writer = writer is None

    @classmethod
    def in_folder(cls, folder: Path) -> TensorboardScalars:
        """Return scalars with an event file of their own in `folder`."""
        return cls(folder, None)

    @classmethod
    def beside(cls, writer: ScalarWriter) -> TensorboardScalars:
        """Return scalars that go into an open writer; whoever opened it closes it."""
        return cls(None, writer)

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Store the finite values at `step`, the total of environment steps (Stable-Baselines3 counts the same)."""
        writer = self._writer or self._open()
        for name, value in scalars.items():
            if math.isfinite(value):
                writer.add_scalar(name, float(value), step)

    def close(self) -> None:
        """Close the event file if it was opened here."""
        if self._owns_writer and self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> ScalarWriter:
        from torch.utils.tensorboard.writer import SummaryWriter

        writer: ScalarWriter = SummaryWriter(log_dir=str(self._folder), flush_secs=FLUSH_SECONDS)
        self._writer = writer
        return writer
