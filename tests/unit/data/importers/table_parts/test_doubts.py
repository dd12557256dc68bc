"""Stamps on the wrong side of the bar and clocks of another zone are noticed; right ones are let alone."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data.importers.table_parts.doubts import doubt_side, doubt_zone, likely_zone
from intraday_rl.data.sessions import MINUTE_NS, exchange_sessions
from tests.support.real_data import data_folder

NEW_YORK = "America/New_York"
SESSIONS = exchange_sessions("XNYS", "2024-07-08", "2024-07-12")


def bars(before, after):
    """Return starts and volumes of five days: 1000 shares a minute in the session, 10 before and after it."""
    offset = np.arange(-before, 390 + after)
    start_ns = (SESSIONS.open_ns[:, None] + offset * MINUTE_NS).ravel()
    return start_ns, np.tile(np.where((offset >= 0) & (offset < 390), 1000.0, 10.0), 5)


def clock_of(start_ns, zone):
    local = pd.DatetimeIndex(start_ns.astype("datetime64[ns]")).tz_localize("UTC").tz_convert(zone)
    return local.tz_localize(None).as_unit("ns").asi8


@pytest.mark.parametrize(("before", "after"), [(0, 0), (60, 60)])
def test_doubt_side_notices_each_wrong_statement_and_no_right_one(before, after):
    start_ns, volume = bars(before, after)
    assert doubt_side(start_ns, volume, "XNYS", "start") == ""
    assert doubt_side(start_ns, volume, "XNYS", "end") == ""  # end stamps, moved back as stated
    assert "one minute after the opening" in doubt_side(start_ns + MINUTE_NS, volume, "XNYS", "start")
    assert "one minute before the opening" in doubt_side(start_ns - MINUTE_NS, volume, "XNYS", "end")


def test_doubt_side_works_without_volume_and_needs_three_sessions():
    start_ns, volume = bars(0, 0)
    assert doubt_side(start_ns + MINUTE_NS, 0 * volume, "XNYS", "start")
    two = slice(0, 2 * 390)
    assert doubt_side(start_ns[two] + MINUTE_NS, volume[two], "XNYS", "start") == ""


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago", "Europe/Berlin", NEW_YORK])
def test_doubt_zone_names_the_clock_that_fits(zone):
    start_ns, volume = bars(60, 60)
    clock = clock_of(start_ns, zone)
    assert likely_zone(clock, volume, "XNYS")[0] == zone
    assert doubt_zone(clock, start_ns, volume, "XNYS") == ""
    wrong = clock_of(start_ns, zone) - 5 * 60 * MINUTE_NS  # placed five hours too early
    assert doubt_zone(clock, wrong, volume, "XNYS") == zone


@pytest.mark.parametrize("dataset", ["spy-2011/SPY", "msft-2023/MSFT", "midcaps-2024/NVR", "midcaps-2024/TPL"])
def test_real_bars_with_extended_hours_raise_no_doubt(dataset):
    parts = [pd.read_parquet(data_folder() / kind / f"{dataset}.parquet") for kind in ("bars-1m", "bars-1m-extended")]
    frame = pd.concat(parts).sort_values("timestamp")
    start_ns = frame["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
    volume = frame["volume"].to_numpy(float)
    clock = clock_of(start_ns, NEW_YORK)
    assert [doubt_side(start_ns, volume, "XNYS", stamp) for stamp in ("start", "end")] == ["", ""]
    assert doubt_zone(clock, start_ns, volume, "XNYS") == ""
    assert doubt_zone(clock, clock, volume, "XNYS") == NEW_YORK
