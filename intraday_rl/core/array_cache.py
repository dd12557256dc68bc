"""Arrays on disk that were costly to make: found by a key, verified, mapped into memory, never half written.

Conventions: an entry is a folder with one `.npy` file for each array and `manifest.json` with facts, sizes and
checksums. It is written beside its place and put there by one rename, so a reader sees all of it or nothing; of two
processes that make the same entry one comes first and the other throws its own away. An entry whose files are missing,
cut short or changed is made anew. Arrays come back writable as far as their reader is concerned (copy on write): what
is written into them never reaches the disk.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from intraday_rl.core.hashing import hash_json
from intraday_rl.core.jit import sources_digest

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
MANIFEST = "manifest.json"
BYTES_KEPT = 20_000_000_000  # the entries used last stay up to this size, the others go
PART = ".part"
LIBRARIES = (  # whose versions can change what is kept
    *("numpy", "scipy", "pandas", "pyarrow", "arch"),
    *("exchange_calendars", "pandas_market_calendars"),
)


@dataclass(frozen=True, eq=False)
class Entry:
    """What the cache holds under a key: arrays by name, and facts about them as plain JSON values."""

    arrays: Mapping[str, Array]
    facts: Mapping[str, Any]


def cached(kind: str, key: str, make: Callable[[], Entry]) -> Entry:
    """Return the entry of the key, made by `make` if it is not there or damaged.

    A cache that cannot be written (no space, no permission) is said in the log and costs nothing but time.

    Args:
        kind: folder of the cache, such as "bars".
        key: hexadecimal digest of everything that the entry depends on, code included.
        make: makes the entry.
    """
    place = cache_root() / kind / key
    entry = _open(place)
    if entry is not None:
        return entry
    entry = make()
    try:
        _put(place, entry)
        _drop_oldest(cache_root())
    except OSError as error:
        logger.warning("%s: cannot be cached (%s); it will be computed again next time", place, error)
        return entry
    return _open(place) or entry


@functools.cache
def code_digest(*parts: str) -> str:
    """Return a digest of the sources of these subpackages and of the libraries that they compute with."""
    return hash_json([sources_digest(*parts), {name: version(name) for name in LIBRARIES}])


def cache_root() -> Path:
    """Return the folder that holds the entries of all kinds."""
    return Path(platformdirs.user_cache_dir("intraday_rl")) / "arrays"


def _open(place: Path) -> Entry | None:
    """Return the entry in the folder; None when there is none, or it is damaged."""
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        if manifest["check"] != hash_json([manifest["arrays"], manifest["facts"]]):
            raise ValueError(f"{MANIFEST} was changed")
        arrays = {name: _map(place / f"{name}.npy", *expected) for name, expected in manifest["arrays"].items()}
    except (FileNotFoundError, NotADirectoryError):
        if place.exists():
            logger.warning("%s: the cache entry lacks a file; it is made anew", place)
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s: the cache entry is damaged (%s); it is made anew", place, error)
        return None
    with suppress(OSError):  # a cache that can only be read
        os.utime(place)
    return Entry(arrays, manifest["facts"])


def _map(file: Path, size: int, checksum: int) -> Array:
    found = file.stat().st_size
    if found != size:
        raise ValueError(f"{file.name} has {found} bytes, not {size}")
    if _checksum(file) != checksum:
        raise ValueError(f"{file.name} was changed")
    return np.asarray(np.load(file, mmap_mode="c", allow_pickle=False))


def _checksum(file: Path) -> int:
    """Return the checksum over all bytes of the file, its header included."""
    return zlib.crc32(np.memmap(file, dtype=np.uint8, mode="r").data)


def _put(place: Path, entry: Entry) -> None:
    """Write the entry beside its place and put it there, unless another process was first."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=place.parent, prefix=place.name, suffix=PART))
    try:
        arrays = {}
        for name, array in entry.arrays.items():
            np.save(new / f"{name}.npy", array, allow_pickle=False)
            file = new / f"{name}.npy"
            arrays[name] = [file.stat().st_size, _checksum(file)]
        manifest = {"arrays": arrays, "facts": entry.facts, "check": hash_json([arrays, entry.facts])}
        (new / MANIFEST).write_text(json.dumps(manifest) + "\n", encoding="utf-8")
        if place.exists() and _open(place) is None:  # damaged: out of the way, in one step
            place.rename(new.with_suffix(".damaged" + PART))
        new.rename(place)  # refused by the system where a whole entry stands
    except OSError:
        if _open(place) is None:
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(new.with_suffix(".damaged" + PART), ignore_errors=True)


def _drop_oldest(root: Path) -> None:
    """Keep the entries used last; what a killed process left behind grows old with them."""
    entries = sorted((folder for folder in root.glob("*/*") if folder.is_dir()), key=_last_use, reverse=True)
    total = 0
    for folder in entries:
        total += sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
        if total > BYTES_KEPT:
            shutil.rmtree(folder, ignore_errors=True)


def _last_use(folder: Path) -> float:
    """Return the time of the last use; 0 when another process has just dropped the folder."""
    try:
        return folder.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0.0
