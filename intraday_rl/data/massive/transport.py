"""What stands between the client library and the network: pace, patience, and errors that say what happened.

The library alone would end a list of bars early, and silently, where a page is no valid JSON; it would also lose the
status of what is refused, and retry without regard to the pace. So each request passes through here. An answer that
is passed on has status 200 and holds a JSON object. The key travels in a header, and is struck from all that is said.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util.retry import Retry

from intraday_rl.core.errors import DataError
from intraday_rl.data.massive.key import ApiKey
from intraday_rl.data.massive.limiter import CallLimiter
from intraday_rl.data.massive.parameters import MassiveDownload

logger = logging.getLogger(__name__)

OK, REQUEST_TIMEOUT, TOO_MANY_REQUESTS, FIRST_SERVER_ERROR = 200, 408, 429, 500
MAX_PAUSE_SECONDS = 120.0  # a service that asks for more is asked again by the user, not by a waiting program
MENTIONED_SECONDS = 5.0  # a pause that the user is told of
MAX_WORDS = 200  # letters of an answer that a message quotes


class ServiceError(DataError):
    """Nothing more can be had from the service, for any symbol."""


class RefusedRequestError(DataError):
    """The service answered that it will not give what was asked for.

    Attributes:
        status: of HTTP.
        words: what the service said, without the key.
    """

    def __init__(self, status: int, words: str) -> None:
        """Keep status and words."""
        super().__init__(f"Massive refuses a request ({status}: {words}); check symbols and days")
        self.status = status
        self.words = words


class _PassingError(Exception):
    """What may pass: why a request gave no answer, what would help, and the pause that the service asks for."""

    def __init__(self, what: str, remedy: str, pause: float | None = None, for_all: bool = False) -> None:
        super().__init__(what)
        self.remedy, self.pause, self.for_all = remedy, pause, for_all


class Transport:
    """Takes the place of the client's connection pool, and sends through it."""

    def __init__(self, pool: Any, settings: MassiveDownload, key: ApiKey, limiter: CallLimiter) -> None:
        """Keep what requests need.

        Args:
            pool: the `urllib3.PoolManager` of the client.
            settings: attempts and pauses.
            key: what no message may show.
            limiter: the pace.
        """
        self._pool = pool
        self._settings = settings
        self._key = key
        self._limiter = limiter

    def request(
        self, method: str, url: str, fields: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return the answer (status 200, a JSON object).

        Raises:
            ServiceError: no usable answer came in all attempts.
            RefusedRequestError: the service will not give it.
            StoppedError: the download was stopped.
        """
        attempt = 0
        while True:
            attempt += 1
            self._limiter.wait()
            try:
                return self._send(method, url, fields, headers)
            except _PassingError as error:
                self._pause(error, attempt)

    def _pause(self, error: _PassingError, attempt: int) -> None:
        """Wait before the next attempt, or give up."""
        pause = self._settings.backoff_seconds * 2.0 ** (attempt - 1) if error.pause is None else error.pause
        if attempt == self._settings.attempts or pause > MAX_PAUSE_SECONDS:
            raise ServiceError(self._give_up(error, attempt)) from None
        if pause >= MENTIONED_SECONDS:
            logger.warning("Massive: %s; attempt %d follows in %.0f s", error, attempt + 1, pause)
        if error.for_all:
            self._limiter.hold(pause)
        else:
            self._limiter.sleep(pause)

    def _send(self, method: str, url: str, fields: Any, headers: Any) -> Any:
        try:
            response = self._pool.request(method, url, fields=fields, headers=headers, retries=False, redirect=False)
        except (HTTPError, OSError) as error:
            raise _PassingError(self._words(str(error)), "check the network") from None
        status = int(response.status)
        if status == TOO_MANY_REQUESTS:
            pause = _retry_after(response)
            raise _PassingError(self._said(response), "lower data.collect.calls_per_minute", pause, for_all=True)
        if status == REQUEST_TIMEOUT or status >= FIRST_SERVER_ERROR:
            raise _PassingError(self._said(response), "the service has trouble of its own", _retry_after(response))
        if status != OK:
            raise RefusedRequestError(status, self._said(response).partition(": ")[2])
        if _json_object(response) is None:
            raise _PassingError("the answer is no JSON object", "check data.collect.base_url")
        return response

    def _give_up(self, error: _PassingError, attempt: int) -> str:
        asked = "" if error.pause is None else f"; it asks for a pause of {error.pause:.0f} s"
        return (
            f"Massive at {self._settings.base_url} gives no usable answer, attempts: {attempt} ({error}{asked}); "
            f"{error.remedy}, then run the same command again"
        )

    def _said(self, response: Any) -> str:
        """Return '403: what the service said'."""
        answer = _json_object(response) or {}
        words = answer.get("message") or answer.get("error") or answer.get("status") or response.reason
        return f"{response.status}: {self._words(str(words))}"

    def _words(self, text: str) -> str:
        return self._key.hide(" ".join(text.split()))[:MAX_WORDS]


def _json_object(response: Any) -> dict[str, Any] | None:
    try:
        answer = json.loads(response.data)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(response: Any) -> float | None:
    try:
        return Retry().get_retry_after(response)
    except InvalidHeader:
        return None
