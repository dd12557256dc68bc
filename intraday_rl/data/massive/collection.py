"""Many symbols at once: worker threads, one client with one pace, and an end that keeps what is complete.

Conventions: one thread works on one symbol at a time, so writers never share a file. The threads are daemons: after an
interrupt, one that still waits for the network does not hold the program up; a file is whole or absent either way.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import cast

from intraday_rl.core.errors import DataError
from intraday_rl.data.bar_checks import bar_schema
from intraday_rl.data.massive.client import MassiveClient
from intraday_rl.data.massive.download import Job, OnProgress, SymbolReport, download_symbol
from intraday_rl.data.massive.key import ApiKey
from intraday_rl.data.massive.limiter import StoppedError
from intraday_rl.data.massive.transport import ServiceError

GRACE_SECONDS = 2.0  # for the threads together, to finish the sessions they are writing
POLL_SECONDS = 0.2


class Collection:
    """The download of several symbols.

    Attributes:
        reports: symbol -> what became of its sessions, growing while `run` works.
    """

    def __init__(self, job: Job, symbols: Sequence[str], key: ApiKey) -> None:
        """Prepare; nothing is sent or written yet.

        Args:
            job: what all symbols have in common.
            symbols: the symbols, each once.
            key: of the account.
        """
        self.reports = {symbol: SymbolReport(symbol, len(job.sessions)) for symbol in symbols}
        self._job = job
        self._stop = threading.Event()
        self._client = MassiveClient(job.settings, key, self._stop)
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[str, BaseException | None]] = queue.SimpleQueue()

    def run(self, on_progress: OnProgress) -> dict[str, str]:
        """Download all symbols.

        Args:
            on_progress: called in the worker threads, after each session, with the symbol's report.

        Returns:
            symbol -> why its download failed, one line; the other symbols are not touched by that.

        Raises:
            ServiceError: nothing more can be had, or the store cannot be written.
            KeyboardInterrupt: whole sessions stay; the threads have stopped, or only wait for the network.
        """
        bar_schema()  # imports what checks the bars, before several threads do
        for symbol in self.reports:
            self._waiting.put(symbol)
        count = min(self._job.settings.workers, len(self.reports))
        threads = [threading.Thread(target=self._work, args=(on_progress,), daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            return self._follow()
        finally:
            self._stop.set()
            end = time.monotonic() + GRACE_SECONDS
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))

    def _follow(self) -> dict[str, str]:
        """Wait for every symbol's end."""
        failures = {}
        left = len(self.reports)
        while left:
            try:
                symbol, error = self._ended.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            left -= 1
            if _ends_all(error):
                raise cast("BaseException", error)
            if error is not None:
                failures[symbol] = str(error)
        return failures

    def _work(self, on_progress: OnProgress) -> None:
        while not self._stop.is_set():
            try:
                symbol = self._waiting.get_nowait()
            except queue.Empty:
                return
            error = self._download(symbol, on_progress)
            self._ended.put((symbol, error))
            if _ends_all(error):  # at once: nobody begins with another symbol until the main thread has heard of it
                self._stop.set()

    def _download(self, symbol: str, on_progress: OnProgress) -> BaseException | None:
        def go_on(report: SymbolReport) -> None:
            on_progress(report)
            if self._stop.is_set():
                raise StoppedError

        try:
            download_symbol(self._job, self._client, self.reports[symbol], go_on)
        except OSError as error:
            reason = error.strerror or error
            return ServiceError(f"{self._job.store.root}: cannot be written ({reason}); make room, run it again")
        except Exception as error:  # an unforeseen one is raised again in the main thread
            return error
        return None


def _ends_all(error: BaseException | None) -> bool:
    """Say whether the error ends the download of all symbols, not of its own alone."""
    return error is not None and (isinstance(error, ServiceError) or not isinstance(error, DataError))
