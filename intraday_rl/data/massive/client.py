"""Minute bars from Massive's REST service, through its own client library.

Conventions: prices and volumes as traded, not adjusted for splits: fees per share and price ticks need them so. A bar's
time is the START of its minute. A minute without a trade has no bar. Days are calendar days, both ends included.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from threading import Event
from typing import Any

import numpy as np
import pandas as pd

from intraday_rl.core.errors import DataError
from intraday_rl.data.massive.key import ApiKey
from intraday_rl.data.massive.limiter import CallLimiter
from intraday_rl.data.massive.parameters import MassiveDownload
from intraday_rl.data.massive.transport import RefusedRequestError, ServiceError, Transport

PAGE_BARS = 50_000  # the service's most
MILLISECOND_NS = 1_000_000
FIELDS = {  # column -> attribute of the library's bar
    **{name: name for name in ("open", "high", "low", "close", "volume", "vwap")},
    "trade_count": "transactions",
}
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404


class _Pages:
    """The JSON reader of the library's client: a page whose next address is null is the last one."""

    @staticmethod
    def loads(text: str) -> Any:
        """Return the page."""
        page = json.loads(text)
        return page if page.get("next_url") else {name: value for name, value in page.items() if name != "next_url"}


class MassiveClient:
    """The service as this project needs it; its methods may be called from several threads."""

    def __init__(self, settings: MassiveDownload, key: ApiKey, stop: Event) -> None:
        """Make the library's client; nothing is sent yet.

        Args:
            settings: address, pace, patience.
            key: of the account.
            stop: ends all waiting.
        """
        from massive import RESTClient  # late: takes 0.2 s

        self._key = key
        self._client = RESTClient(
            api_key=key.value,
            base=settings.base_url.rstrip("/"),
            connect_timeout=settings.timeout_seconds,
            read_timeout=settings.timeout_seconds,
            retries=0,
            maxsize=settings.workers,
            custom_json=_Pages,
        )
        limiter = CallLimiter(settings.calls_per_minute, stop)
        self._client.client = Transport(self._client.client, settings, key, limiter)

    def minute_bars(self, symbol: str, first: np.datetime64, last: np.datetime64) -> pd.DataFrame:
        """Return the bars of the days, extended hours included, in the order in which they came.

        The columns are those of `read_bars` with vwap and trade_count. A minute can come twice: the later row counts.

        Raises:
            ServiceError: nothing more can be had for any symbol.
            DataError: these bars cannot be had.
        """
        try:
            bars = list(
                self._client.list_aggs(
                    symbol, 1, "minute", str(first), str(last), adjusted=False, sort="asc", limit=PAGE_BARS
                )
            )
        except RefusedRequestError as error:
            raise self._explain(error, f"{symbol} {first} to {last}") from None
        except (TypeError, AttributeError) as error:  # the library takes the shape of a page for granted
            raise DataError(_misshapen(symbol, error)) from None
        return _to_frame(symbol, bars)

    def knows(self, symbol: str) -> bool:
        """Say whether the service has the symbol in its list of active ones.

        Raises:
            ServiceError: nothing more can be had.
            DataError: it will not say.
        """
        try:
            self._client.get_ticker_details(symbol)
        except RefusedRequestError as error:
            if error.status == NOT_FOUND:
                return False
            raise self._explain(error, symbol) from None
        return True

    def _explain(self, error: RefusedRequestError, what: str) -> DataError:
        said = f"{error.status}: {error.words}"
        if error.status == UNAUTHORIZED:
            return ServiceError(f"Massive refuses the key in {self._key.variable} ({said}); copy it from your account")
        if error.status == FORBIDDEN:
            remedy = "choose other data.start and data.end, or a plan that includes them"
            return DataError(f"{what}: not in the plan of this key ({said}); {remedy}")
        return DataError(f"{what}: Massive refuses this request ({said}); check data.symbols, data.start and data.end")


def _to_frame(symbol: str, bars: Sequence[Any]) -> pd.DataFrame:
    try:
        values = {name: np.array([getattr(bar, field) for bar in bars], np.float64) for name, field in FIELDS.items()}
        times = np.array([bar.timestamp for bar in bars], dtype=np.int64) * MILLISECOND_NS
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(_misshapen(symbol, error)) from None
    frame = pd.DataFrame({"timestamp": pd.DatetimeIndex(times.view("datetime64[ns]")).tz_localize("UTC")})
    frame["symbol"] = symbol
    return frame.assign(**values)


def _misshapen(symbol: str, error: Exception) -> str:
    return f"{symbol}: Massive sends bars of a shape that is not its own ({error}); check data.collect.base_url"
