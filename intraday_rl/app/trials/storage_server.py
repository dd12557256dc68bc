"""`python -m intraday_rl storage-server`: a storage that the sweeps of several machines reach over the network.

Conventions: who can reach the port can read and change every study, there is no password: it listens to this machine
alone unless told otherwise. A journal has one writer, so the server keeps sweeps out of the journal's folder.
"""

from __future__ import annotations

import socket
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from intraday_rl.app.sweeping.command import sole_sweep
from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.storage import PROXY, open_journal, open_storage
from intraday_rl.tracking.signals import sigterm_interrupts

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

DATABASE_THREADS = 10
JOURNAL_THREADS = 1  # Optuna's journal belongs to one thread: several would lose track of their own entries


def serve_storage(address: str | None, journal: Path, host: str, port: int) -> None:
    """Serve a database, or a journal, until Ctrl-C or SIGTERM.

    Args:
        address: of the database; None = the journal.
        journal: file that is made if it is not there.
        host: address to listen on.
        port: to listen on.

    Raises:
        SweepError: the storage cannot be opened, the port is taken, or grpcio is missing.
        KeyboardInterrupt: always, at the end.
    """
    with ExitStack() as stack:
        if address is None:
            journal.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(sole_sweep(journal.parent))
        storage = open_journal(journal) if address is None else open_storage(address, journal.parent)
        _refuse_taken(host, port)
        stack.enter_context(sigterm_interrupts())
        print(f"storage server: {PROXY}{host}:{port} (Ctrl-C ends it)", flush=True)
        _serve(storage, host, port, JOURNAL_THREADS if address is None else DATABASE_THREADS)


def _serve(storage: BaseStorage, host: str, port: int, num_threads: int) -> None:
    from optuna.storages import get_storage, run_grpc_proxy_server

    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor(num_threads) as threads:
        try:
            run_grpc_proxy_server(get_storage(storage), host=host, port=port, thread_pool=threads)
        except ImportError as error:
            raise SweepError("storage-server needs grpcio: pip install -e '.[scaling]'") from error


def _refuse_taken(host: str, port: int) -> None:
    """Refuse an address on which nothing can listen: gRPC itself says so in words of its own."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SweepError(
                f"nothing can listen on {host}:{port}: {error.strerror}; give --host and --port"
            ) from error
