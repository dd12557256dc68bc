"""A replay buffer on disk, in pieces: each checkpoint adds the transitions since the one before, as a file of its own.

A transition is numbered by its place in the whole training, so a piece is `<first>_<behind last>.npz`. Pieces are
written once and never changed; those that the ring has overwritten are removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer

from intraday_rl.agents.checkpoints.store import write_arrays
from intraday_rl.core import hashing
from intraday_rl.core.errors import CheckpointError

COLUMNS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class ReplayPieces:
    """The pieces of one run's buffer."""

    def __init__(self, folder: Path) -> None:
        """Name the folder, which is made with the first piece."""
        self._folder = folder
        self._pieces: list[dict[str, Any]] = []

    def save(self, buffer: ReplayBuffer, stored: int) -> list[dict[str, Any]]:
        """Write what is new and return the pieces that hold the buffer: first, behind last, digest.

        Args:
            buffer: the buffer.
            stored: transitions that it was given since training began, those of all environments in a step as one.
        """
        size = buffer.buffer_size
        if buffer.pos != stored % size or buffer.full != (stored >= size):
            raise RuntimeError(f"the replay buffer stands at {buffer.pos}, should after {stored} transitions")
        first = max(self._pieces[-1]["end"] if self._pieces else 0, stored - size)
        if first < stored:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._path(first, stored)
            places = np.arange(first, stored) % size
            new = path.with_suffix(".new")
            write_arrays(new, {name: getattr(buffer, name)[places] for name in COLUMNS})
            new.replace(path)
            self._pieces.append({"first": first, "end": stored, "digest": hashing.hash_file(path)})
        self._pieces = [piece for piece in self._pieces if piece["end"] > stored - size]
        return list(self._pieces)

    def drop_before(self, first: int) -> None:
        """Remove the pieces that end at transition `first` or earlier."""
        for path in self._files():
            if int(path.stem.split("_")[1]) <= first:
                path.unlink()

    def check(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        """Refuse pieces of which one is missing or was changed.

        Raises:
            CheckpointError: by the file.
        """
        for piece in pieces:
            path = self._path(piece["first"], piece["end"])
            if not path.is_file() or hashing.hash_file(path) != piece["digest"]:
                raise CheckpointError(f"{path.name} is missing or was changed after it was written")

    def restore(self, buffer: ReplayBuffer, pieces: Sequence[Mapping[str, Any]], stored: int) -> None:
        """Fill an empty buffer from checked pieces; pieces behind `stored`, of a later checkpoint, are removed."""
        size = buffer.buffer_size
        for piece in pieces:
            path = self._path(piece["first"], piece["end"])
            kept = np.arange(max(piece["first"], stored - size), piece["end"])
            with np.load(path, allow_pickle=False) as arrays:
                for name in COLUMNS:
                    getattr(buffer, name)[kept % size] = arrays[name][kept - piece["first"]]
        buffer.pos, buffer.full = stored % size, stored >= size
        self._pieces = [dict(piece) for piece in pieces]
        for path in self._files():
            if int(path.stem.split("_")[0]) >= stored:
                path.unlink()

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*_*.npz"))

    def _path(self, first: int, end: int) -> Path:
        return self._folder / f"{first}_{end}.npz"
