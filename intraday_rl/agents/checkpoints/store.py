"""Checkpoints as folders that verify themselves: nested values in, the same values out, or the folder is refused.

A checkpoint is the folder `<step>/` with arrays.npz and state.json; only npz and JSON, so reading one runs no code of
whoever wrote it. It is written under another name, brought to the disk and renamed: a folder of its own name is whole,
unless the machine or the disk failed, which the digests show. The newest `keep` are kept.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core import hashing
from intraday_rl.core.errors import CheckpointError

FORMAT = 1
ARRAYS, STATE = "arrays.npz", "state.json"
NEW = ".new"  # ending of the name under which a checkpoint is written
ARRAY, SCALAR, NOT_FINITE = "$array", "$scalar", "$float"  # what stands for a value that JSON does not have

LOG = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, keep: int) -> None:
        """Name the folder, which is made with the first checkpoint, and how many are kept."""
        self._folder, self._keep = folder, keep

    def steps(self) -> list[int]:
        """Return the steps at which checkpoints were taken, in order, whether they are whole or not."""
        if not self._folder.is_dir():
            return []
        return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdecimal())

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint; drop those before the newest `keep`, and those of later steps, which were torn.

        Args:
            step: environment steps so far.
            state: nested dicts and lists of JSON values, arrays and NumPy scalars.
        """
        folder = self._folder / str(step)
        new = folder.with_name(folder.name + NEW)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        arrays: Arrays = {}
        content = {"format": FORMAT, "step": step, "state": _encode(state, arrays)}
        write_arrays(new / ARRAYS, arrays)
        content["arrays"] = hashing.hash_file(new / ARRAYS)
        content["digest"] = hashing.hash_json(content)
        with (new / STATE).open("w", encoding="utf-8") as file:
            json.dump(content, file)
            _secure(file.fileno())
        _secure_folder(new)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
        _secure_folder(self._folder)
        steps = self.steps()
        place = steps.index(step)
        for other in (*steps[: max(0, place + 1 - self._keep)], *steps[place + 1 :]):
            shutil.rmtree(self._folder / str(other))

    def load(self, check: Callable[[Mapping[str, Any]], None]) -> tuple[int, dict[str, Any]]:
        """Return step and state of the newest whole checkpoint; a line is logged for each newer one that is torn.

        Args:
            check: raises where something that the state refers to is not whole.

        Raises:
            CheckpointError: none is whole.
        """
        for step in reversed(self.steps()):
            folder = self._folder / str(step)
            try:
                state = _read(folder)
                check(state)
                return step, state
            except Exception as error:  # whatever is wrong: the files are to blame
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                LOG.warning("checkpoint %s cannot be used (%s); the one before it is tried", folder, reason)
        raise CheckpointError(f"{self._folder} holds no checkpoint that is whole; start the run anew")

    def drop_after(self, step: int) -> None:
        """Remove checkpoints of later steps, and what an interrupted write has left: all kept ones are whole then."""
        for other in self.steps():
            if other > step:
                shutil.rmtree(self._folder / str(other))
        for new in self._folder.glob(f"*{NEW}"):
            shutil.rmtree(new)


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write an npz file and bring it to the disk."""
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        file.flush()
        _secure(file.fileno())


def _secure(descriptor: int) -> None:
    os.fsync(descriptor)


def _secure_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _secure(descriptor)
    finally:
        os.close(descriptor)


def _read(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / STATE).read_text(encoding="utf-8"))
    if content["format"] != FORMAT:
        raise ValueError(f"format must be {FORMAT}, was {content['format']!r}")
    if content.pop("digest") != hashing.hash_json(content):
        raise ValueError(f"{STATE} was changed after it was written")
    if content["arrays"] != hashing.hash_file(folder / ARRAYS):
        raise ValueError(f"{ARRAYS} was changed after it was written")
    with np.load(folder / ARRAYS, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    state: dict[str, Any] = _decode(content["state"], arrays)
    return state


def _encode(value: Any, arrays: Arrays) -> Any:
    """Return the value as JSON has it; arrays are put into `arrays` under the name that stands for them."""
    if isinstance(value, Mapping):
        return {_key(name): _encode(inner, arrays) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(inner, arrays) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        name = str(len(arrays))
        arrays[name] = np.asarray(value)
        return {ARRAY if isinstance(value, np.ndarray) else SCALAR: name}
    if isinstance(value, float) and not math.isfinite(value):
        return {NOT_FINITE: str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}")


def _key(name: Any) -> str:
    if not isinstance(name, str) or name.startswith("$"):
        raise TypeError(f"a checkpoint's names must be texts without $ in front, was {name!r}")
    return name


def _decode(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, list):
        return [_decode(inner, arrays) for inner in value]
    if not isinstance(value, dict):
        return value
    if ARRAY in value:
        return arrays[value[ARRAY]]
    if SCALAR in value:
        return arrays[value[SCALAR]][()]
    if NOT_FINITE in value:
        return float(value[NOT_FINITE])
    return {name: _decode(inner, arrays) for name, inner in value.items()}
