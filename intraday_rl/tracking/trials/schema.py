"""The registry's sqlite file: its tables, and its creation when many processes start at once.

A window is a set of sessions; which windows share a session is found by the sessions' names. The file keeps a log of
writes beside it (WAL), so that readers and writers do not wait for each other, and a killed process loses nothing that
was written. It is built under another name and renamed when it is complete. The log needs a local disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from intraday_rl.core.errors import TrackingError

VERSION = 1
BUSY_SECONDS = 60.0  # how long a process waits for others that write
TABLES = """
CREATE TABLE windows (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE  -- of its sessions' names
);
CREATE TABLE sessions (
    session TEXT NOT NULL,
    window INTEGER NOT NULL REFERENCES windows,
    PRIMARY KEY (session, window)
) WITHOUT ROWID;
CREATE TABLE trials (
    model TEXT NOT NULL,  -- digest
    window INTEGER NOT NULL REFERENCES windows,
    costs TEXT NOT NULL,  -- digest
    kind TEXT NOT NULL,
    round_trip_sharpe REAL,  -- NULL where undefined
    session_sharpe REAL,
    recorded TEXT NOT NULL,  -- UTC, ISO 8601
    algorithm TEXT NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (window, model, costs)
) WITHOUT ROWID;
"""


def open_registry(file: Path) -> sqlite3.Connection:
    """Return a connection to the file, which is created if needed; every statement is a transaction of its own.

    Raises:
        TrackingError: the file cannot be created or read, or belongs to another version of this package.
    """
    with failing_as_tracking(file):
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock"), timeout=BUSY_SECONDS):
                if not file.exists():
                    _create(file)
        connection = _connect(file)
        try:
            _check_version(connection, file)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def failing_as_tracking(file: Path) -> Iterator[None]:
    """Turn what the system and sqlite raise into one line that names the file."""
    try:
        yield
    except Timeout as error:
        raise TrackingError(
            f"registry of trials {file} is locked by another process for over {BUSY_SECONDS:g} s; end that process"
        ) from error
    except (OSError, sqlite3.Error) as error:
        raise TrackingError(f"registry of trials {file} cannot be used ({error})") from error


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")  # a power failure may cost the last rows, never the file
    return connection


def _check_version(connection: sqlite3.Connection, file: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        raise TrackingError(f"registry of trials {file} must be of version {VERSION}, was {version}; move it away")


def _create(file: Path) -> None:
    """Build the tables under another name, then rename; the caller holds the lock."""
    for left_over in file.parent.glob(f"{file.stem}-creating-*"):
        left_over.unlink()
    building = file.with_name(f"{file.stem}-creating-{os.getpid()}.db")
    with closing(_connect(building)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    building.replace(file)
