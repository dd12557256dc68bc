"""Bars as the service sends them, and every way in which it fails to."""

import logging
import socket
import threading
import time

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.massive.client import MassiveClient
from intraday_rl.data.massive.transport import ServiceError
from tests.support.massive_server import KEY, bar, cut_off, failing, malformed
from tests.unit.data.massive.conftest import DAYS


@pytest.fixture
def client(settings, key):
    return MassiveClient(settings(), key, threading.Event())


def july(client, first=DAYS[0], last=DAYS[-1]):
    return client.minute_bars("SPY", np.datetime64(first), np.datetime64(last))


def test_client_bars_start_at_their_time_and_are_not_adjusted(client):
    frame = july(client, last=DAYS[0])
    assert str(frame["timestamp"].dtype) == "datetime64[ns, UTC]"
    assert frame["timestamp"].iloc[1] == pd.Timestamp("2024-07-01 13:30", tz="UTC")
    row = frame.iloc[1].drop("timestamp").to_dict()
    assert row == {
        "symbol": "SPY", "open": 500.75, "high": 501.5, "low": 500.5, "close": 501.0, "volume": 100.0,
        "vwap": 500.875, "trade_count": 7.0,
    }  # fmt: skip


def test_client_volume_may_be_fractional_and_vwap_absent(client, server):
    odd = bar("2024-07-01 09:30", 500.0, volume=12.5)
    del odd["vw"], odd["n"]
    server.bars["SPY"] = [odd]
    frame = july(client)
    assert frame["volume"].tolist() == [12.5]
    assert frame[["vwap", "trade_count"]].isna().all(axis=None)


@pytest.mark.parametrize("page_bars", [1, 7, 29, 30, 31])
def test_client_follows_all_pages_on_the_same_host(client, server, page_bars):
    whole = july(client)
    server.page_bars = page_bars
    server.asked.clear()
    pd.testing.assert_frame_equal(july(client), whole)
    assert len(whole) == 30
    assert len(server.asked) == -(-30 // page_bars)
    assert {asked.query["adjusted"] for asked in server.asked} == {"false"}


def test_client_no_bars_are_an_empty_frame(client, server):
    server.bars["SPY"] = []
    assert (len(july(client)), list(july(client))[:2]) == (0, ["timestamp", "symbol"])
    server.faults = [lambda handler: handler.send(200, {"status": "OK", "results": [], "next_url": None})]
    assert len(july(client)) == 0


@pytest.mark.parametrize("fault", [failing(429), failing(500), failing(503), failing(408), malformed, cut_off])
def test_client_what_passes_is_tried_again(client, server, fault):
    whole = july(client)
    server.page_bars = 10
    server.faults = [fault, fault]
    pd.testing.assert_frame_equal(july(client), whole)
    assert server.faults == []


@pytest.mark.parametrize("fault", [malformed, cut_off])
def test_client_a_damaged_later_page_never_ends_the_list_early(client, server, fault):
    server.page_bars = 10
    server.before_answer = lambda asked: server.faults.extend([fault] if "cursor" in asked.query else [])
    with pytest.raises(ServiceError, match="gives no usable answer"):
        july(client)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (failing(429), r"attempts: 3 \(429: ERROR\); lower data.collect.calls_per_minute, then run the same command"),
        (
            failing(502, {"error": "bad\ngateway"}),
            r"\(502: bad gateway\); the service has trouble of its own, then run",
        ),
        (malformed, r"\(the answer is no JSON object\); check data.collect.base_url"),
        (lambda handler: handler.send_text(200, "[]"), r"\(the answer is no JSON object\)"),
        (cut_off, r"\(.*IncompleteRead.*\); check the network, then run the same command again"),
    ],
)
def test_client_gives_up_after_all_attempts_in_one_line(client, server, fault, message):
    server.faults = [fault] * 3
    with pytest.raises(ServiceError, match=f"^Massive at {server.url} gives no usable answer, .*{message}") as caught:
        july(client)
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 3


def test_client_pauses_as_long_as_the_service_asks(client, server):
    server.faults = [failing(429, Retry_After="1"), failing(503, Retry_After="soon")]
    july(client)
    first, second, third = (asked.at for asked in server.asked)
    assert 0.99 <= second - first < 2.0
    assert third - second < 0.9  # what is no time is no pause


def test_client_does_not_wait_for_hours(client, server):
    server.faults = [failing(429, Retry_After="7200")]
    with pytest.raises(ServiceError, match=r"attempts: 1 \(429: ERROR; it asks for a pause of 7200 s\)"):
        july(client)


def test_client_says_that_it_waits(client, server, caplog, monkeypatch):
    monkeypatch.setattr("intraday_rl.data.massive.transport.MENTIONED_SECONDS", 0.01)
    server.faults = [failing(500)]
    with caplog.at_level(logging.WARNING):
        july(client)
    assert caplog.messages == ["Massive: 500: ERROR; attempt 2 follows in 0 s"]


def test_client_network_down_is_one_line(settings, key):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = MassiveClient(settings(base_url=address), key, threading.Event())
    with pytest.raises(ServiceError, match=rf"^Massive at {address} .*refused.*; check the network, then run"):
        july(client)


def test_client_silence_ends_after_the_timeout(settings, key, server):
    server.before_answer = lambda asked: time.sleep(0.3)
    client = MassiveClient(settings(timeout_seconds=0.05, attempts=2), key, threading.Event())
    with pytest.raises(ServiceError, match=r"timed out.*; check the network"):
        july(client)


@pytest.mark.parametrize(
    ("status", "answer", "error", "message"),
    [
        (401, {"error": f"Unknown API Key {KEY}"}, ServiceError,
         r"^Massive refuses the key in MASSIVE_API_KEY \(401: Unknown API Key \(key\)\); copy it from your account$"),
        (403, {"status": "NOT_AUTHORIZED", "message": "Your plan doesn't include this data timeframe."}, DataError,
         r"^SPY 2024-07-01 to 2024-07-08: not in the plan of this key \(403: Your plan doesn't include this data "
         r"timeframe\.\); choose other data.start and data.end, or a plan that includes them$"),
        (400, {"error": "bad ticker"}, DataError, r"^SPY .*: Massive refuses this request \(400: bad ticker\); check"),
        (302, {}, DataError, r"Massive refuses this request \(302: ERROR\)"),
    ],
)  # fmt: skip
def test_client_refusals_are_one_line_and_are_not_repeated(client, server, status, answer, error, message):
    server.faults = [failing(status, answer, Location="http://127.0.0.1:9/")]
    with pytest.raises(DataError, match=message) as caught:
        july(client)
    assert type(caught.value) is error
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "results", [5, [5], [{"t": "soon"}], [{"o": 1.0}], [bar("2024-07-01 09:30", 1.0, o="x")], [{"t": 1e300}]]
)
def test_client_bars_of_another_shape_are_refused(client, server, results):
    server.faults = [lambda handler: handler.send(200, {"status": "OK", "results": results})]
    with pytest.raises(DataError, match=r"^SPY: Massive sends bars of a shape that is not its own \(.+\); check"):
        july(client)


def test_client_knows_the_symbols_that_have_details(client, server):
    server.unknown = {"SPYY"}
    assert (client.knows("SPY"), client.knows("SPYY")) == (True, False)
    server.faults = [failing(403)]
    with pytest.raises(DataError, match="SPY: not in the plan of this key"):
        client.knows("SPY")
