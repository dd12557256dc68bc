"""A local HTTP server that answers as Massive's REST service does, and misbehaves on demand.

Conventions: bars are dicts in the service's format: t (ms, START of the minute), o, h, l, c, v, vw, n. Days in
addresses are New York days. Bars are served in pages, the address of the next one names the real service, as a client
must not follow it there. Without adjusted=false the prices are a tenth: those of a split that came later.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pandas as pd

KEY = "SECRETkey123_do-not-show"
NEW_YORK = ZoneInfo("America/New_York")


class Asked(NamedTuple):
    """A request that came in."""

    path: str
    query: dict[str, str]
    at: float


Fault = Callable[["Handler"], None]


class MassiveServer(ThreadingHTTPServer):
    """The service on 127.0.0.1.

    Attributes:
        bars: symbol -> its bars.
        unknown: symbols that have no details.
        page_bars: bars on a page.
        faults: what the next requests meet instead of an answer, in order.
        asked: the requests so far, those that met a fault too.
        before_answer: called before each answer, with the request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bars: dict[str, list[dict[str, Any]]] = {}
        self.unknown: set[str] = set()
        self.page_bars = 50_000
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.before_answer: Callable[[Asked], None] = lambda asked: None

    @property
    def url(self) -> str:
        """The address for data.collect.base_url."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: MassiveServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(parts.path, query, time.monotonic())
        self.server.asked.append(asked)
        self.server.before_answer(asked)
        if self.server.faults:
            self.server.faults.pop(0)(self)
        elif self.headers["Authorization"] != f"Bearer {KEY}":
            self.send(401, {"status": "ERROR", "error": f"Unknown API Key: {self.headers['Authorization']}"})
        elif parts.path.startswith("/v3/reference/tickers/"):
            self._details(parts.path.rsplit("/", 1)[1])
        else:
            self._aggregates(parts.path, query)

    def _details(self, symbol: str) -> None:
        if symbol in self.server.unknown:
            self.send(404, {"status": "NOT_FOUND", "message": "Ticker not found."})
        else:
            self.send(200, {"status": "OK", "results": {"ticker": symbol, "active": True}})

    def _aggregates(self, path: str, query: dict[str, str]) -> None:
        _, version, kind, _, symbol, _, multiplier, timespan, first, last = path.split("/")
        assert (version, kind, multiplier, timespan) == ("v2", "aggs", "1", "minute")
        scale = 1.0 if query["adjusted"] == "false" else 0.1
        days = [(bar, str(datetime.fromtimestamp(bar["t"] / 1000, NEW_YORK).date())) for bar in self._bars_of(symbol)]
        wanted = [bar | {name: bar[name] * scale for name in "ohlc"} for bar, day in days if first <= day <= last]
        start = int(query.get("cursor", 0))
        page = wanted[start : start + min(self.server.page_bars, int(query["limit"]))]
        answer = {"ticker": symbol, "status": "OK", "adjusted": scale != 1.0, "resultsCount": len(page)}
        if page:
            answer["results"] = page
        if start + len(page) < len(wanted):
            rest = f"adjusted={query['adjusted']}&limit={query['limit']}&cursor={start + len(page)}"
            answer["next_url"] = f"https://api.massive.com{path}?{rest}"
        self.send(200, answer)

    def _bars_of(self, symbol: str) -> list[dict[str, Any]]:
        return self.server.bars.get(symbol, [])

    def send(self, status: int, answer: object, **headers: str) -> None:
        """Send a JSON answer; `Retry_After` becomes the header Retry-After."""
        self.send_text(status, json.dumps(answer), **headers)

    def send_text(self, status: int, text: str, missing_bytes: int = 0, **headers: str) -> None:
        """Send a text; with `missing_bytes` fewer bytes than announced, then the connection is closed."""
        data = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data) + missing_bytes))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = bool(missing_bytes)


def failing(status: int, answer: object = None, **headers: str) -> Fault:
    """Return a fault that answers with a status."""
    return lambda handler: handler.send(status, answer or {"status": "ERROR"}, **headers)


def malformed(handler: Handler) -> None:
    """Answer with half a page."""
    handler.send_text(200, '{"status": "OK", "results": [{"t": 17')


def cut_off(handler: Handler) -> None:
    """Close the connection in the middle of an answer."""
    handler.send_text(200, '{"status": "OK", "results": [{"t": 17', missing_bytes=1000)


@contextmanager
def serving() -> Iterator[MassiveServer]:
    """Run a server in a thread."""
    server = MassiveServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def bar(time_ny: str, close: float, volume: float = 100.0, **changes: Any) -> dict[str, Any]:
    """Return a bar that starts at a New York time; it opens 0.25 below its close and spans half a unit around both."""
    start = pd.Timestamp(time_ny, tz="America/New_York")
    return {
        "t": start.value // 10**6, "o": close - 0.25, "h": close + 0.5, "l": close - 0.5, "c": close,
        "v": volume, "vw": close - 0.125, "n": 7,
    } | changes  # fmt: skip


def day_of_bars(day: str, close: float = 100.0) -> list[dict[str, Any]]:
    """Return bars of 9:30, 9:31, 9:33, and 15:59 or 12:59, between one before and one after regular hours."""
    last = "12:59" if day == "2024-07-03" else "15:59"
    times = ("04:00", "09:30", "09:31", "09:33", last, "19:59")
    return [bar(f"{day} {time}", close + i) for i, time in enumerate(times)]
