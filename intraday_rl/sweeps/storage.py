"""Where a study is kept: a journal beside its trials, a database, or a storage server that several machines reach.

Conventions: None is the journal, for the processes of one sweep on one machine; `grpc://HOST:PORT` is Optuna's storage
proxy; anything else is an address of SQLAlchemy's. The journal's lock is the system's own on a file, which ends with
the process that holds it: a killed sweep leaves nothing to wait for.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from intraday_rl.core.errors import SweepError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "study.journal"
JOURNAL_LOCK = ".journal.lock"
PROXY = "grpc://"
ATTEMPTS = 20  # of processes that make a database's tables at once; all but one fail
PAUSE_SECONDS = 0.5
ANSWER_SECONDS = 20.0  # how long a storage server may take to answer


def open_storage(address: str | None, folder: Path) -> BaseStorage:
    """Return the storage, made if it is not there yet.

    Args:
        address: as `hparams.storage` gives it.
        folder: of the study, for the journal.

    Raises:
        SweepError: it cannot be reached, or is damaged.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    if address is None:
        return open_journal(folder / JOURNAL)
    try:
        return _open_proxy(address) if address.startswith(PROXY) else _open_database(address)
    except SweepError:
        raise
    except Exception as error:  # of whatever driver the address names
        raise SweepError(
            f"hparams.storage={_without_password(address)} cannot be opened: {_first_line(error)}; is it running?"
        ) from error


@contextmanager
def kept_in_reach(address: str | None) -> Iterator[None]:
    """Turn the loss of a storage within the block into one line.

    Args:
        address: as `hparams.storage` gives it.

    Raises:
        SweepError: the storage was lost.
    """
    import sqlalchemy.exc
    from optuna.exceptions import StorageInternalError

    lost: tuple[type[Exception], ...] = (StorageInternalError, sqlalchemy.exc.OperationalError, *_proxy_errors())
    try:
        yield
    except lost as error:
        where = "the study's journal" if address is None else f"hparams.storage={_without_password(address)}"
        raise SweepError(
            f"{where} was lost: {_first_line(error.__cause__ or error)}; finished trials are kept: when it is back, go "
            "on with the same command"
        ) from error


def open_journal(journal: Path) -> BaseStorage:
    """Return the storage in a file, made if it is not there yet; nobody else may be writing to it.

    Raises:
        SweepError: it is damaged.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class SystemLock(JournalFileOpenLock):
        """The system's own lock, through the contract of Optuna's."""

        def __init__(self, path: Path) -> None:
            self._lock = FileLock(path)

        def acquire(self) -> bool:
            self._lock.acquire()
            return True

        def release(self) -> None:
            self._lock.release()

    drop_torn_line(journal)
    try:
        return JournalStorage(JournalFileBackend(str(journal), lock_obj=SystemLock(journal.with_name(JOURNAL_LOCK))))
    except OSError as error:
        raise SweepError(f"{journal} cannot be read: {error.strerror}") from error
    except Exception as error:  # whatever a line that is no record leads to
        raise SweepError(f"{journal} is damaged ({_first_line(error)}); restore it, or begin another study") from error


def drop_torn_line(journal: Path) -> None:
    """Cut off what a process wrote last if it was killed before the line was whole.

    Nobody else may be writing.
    """
    if not journal.is_file():
        return
    with journal.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


def _open_proxy(address: str) -> BaseStorage:
    try:
        import grpc
        from optuna.storages import GrpcStorageProxy
    except ImportError as error:
        raise SweepError(f"hparams.storage={address} needs grpcio: pip install -e '.[scaling]'") from error
    host, _, port = address.removeprefix(PROXY).rpartition(":")
    if not host or not port.isdecimal():
        raise SweepError(f"hparams.storage must be {PROXY}HOST:PORT, was {address!r}")
    channel = grpc.insecure_channel(f"{host}:{port}")
    try:
        grpc.channel_ready_future(channel).result(timeout=ANSWER_SECONDS)
    except grpc.FutureTimeoutError as error:
        raise SweepError(
            f"hparams.storage={address} did not answer in {ANSWER_SECONDS:g} s; start it: python -m intraday_rl "
            "storage-server, see docs/scaling.md"
        ) from error
    finally:
        channel.close()
    with _quiet():
        return GrpcStorageProxy(host=host, port=int(port))


def _open_database(address: str) -> BaseStorage:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import ArgumentError, OperationalError

    last: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            return RDBStorage(address, engine_kwargs={"pool_pre_ping": True})
        except (ArgumentError, ImportError):  # no address, or no driver for it
            raise
        except OperationalError as error:
            if "already exists" not in str(error):
                raise
            last = error
        except Exception as error:  # another process made the same table first: driver and words differ
            last = error
        time.sleep(PAUSE_SECONDS)
    assert last is not None
    raise last


def _proxy_errors() -> tuple[type[Exception], ...]:
    """Return what a storage server's client raises, where it is installed."""
    try:
        import grpc
    except ImportError:
        return ()
    return (grpc.RpcError,)


def _quiet() -> Any:
    return warnings.catch_warnings(action="ignore")


def _without_password(address: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(address).render_as_string(hide_password=True)
    except ArgumentError:
        return address


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
