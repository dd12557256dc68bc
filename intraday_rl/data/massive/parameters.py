"""How Massive is asked: address, pace, patience."""

from __future__ import annotations

import re
from dataclasses import dataclass

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError

ADDRESS = re.compile(r"https://[^\s@?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/[^\s@?#]*)?")
MAX_SESSIONS = 50  # of 960 minutes with extended hours: one page holds 50,000 bars


@dataclass(frozen=True, kw_only=True)
class MassiveDownload:
    """How Massive is asked.

    Attributes:
        base_url: address of the REST service.
        calls_per_minute: most calls in any minute, of all symbols together; None = no limit.
        workers: symbols that are downloaded at the same time.
        sessions_per_request: most sessions that one request covers.
        attempts: how often a request is sent before it counts as failed.
        backoff_seconds: pause after the first failure, doubled after each further one, unless the service names one.
        timeout_seconds: how long to wait for a connection, and for the next part of an answer.
        refresh: whether sessions that the store has are downloaded again, for later revisions.
    """

    base_url: str
    calls_per_minute: int | None
    workers: int
    sessions_per_request: int
    attempts: int
    backoff_seconds: float
    timeout_seconds: float
    refresh: bool

    def check(self) -> None:
        """Refuse parameters with which nothing can be downloaded.

        Raises:
            ParameterError: a field breaks its law.
        """
        owner = "MassiveDownload"
        if not ADDRESS.fullmatch(self.base_url):
            raise ParameterError(
                f"{owner}.base_url must start with https://, or with http://127.0.0.1 on this machine (the key travels "
                f"with each request), was {self.base_url!r}"
            )
        if self.calls_per_minute is not None:
            checks.at_least(owner, "calls_per_minute", self.calls_per_minute, 1, "calls, or null")
        checks.at_least(owner, "workers", self.workers, 1, "symbols at a time")
        checks.within(owner, "sessions_per_request", self.sessions_per_request, 1, MAX_SESSIONS, "sessions")
        checks.at_least(owner, "attempts", self.attempts, 1)
        checks.non_negative(owner, "backoff_seconds", self.backoff_seconds, "seconds")
        checks.positive(owner, "timeout_seconds", self.timeout_seconds, "seconds")
