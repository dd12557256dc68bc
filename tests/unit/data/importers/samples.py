"""Requests, hand-made files and the uniform bar files for the tests of importers."""

import zipfile

import numpy as np
import pandas as pd

from intraday_rl.data.importers import ImportRequest, import_bars
from tests.support.real_data import data_folder

PRICES = ["open", "high", "low", "close"]
BARS = [*PRICES, "volume"]
QUOTES = ["bid", "ask", "bid_size", "ask_size"]


def request(path, **changes):
    fields = {"format": "auto", "symbols": (), "zone": None, "stamp": "start", "calendar": "XNYS"} | changes
    return ImportRequest(path=path, **fields)


def imported(path, **changes):
    return {bars.symbol: bars for bars in import_bars(request(path, **changes))}


def raw(*parts):
    return data_folder().joinpath("raw-samples", *parts)


def uniform(*parts):
    """Return a uniform bar file with its time stamps in nanoseconds."""
    frame = pd.read_parquet(data_folder().joinpath(*parts))
    return frame.assign(timestamp=frame["timestamp"].dt.as_unit("ns"))


def differences(frame, reference, columns):
    """Return column -> number of rows that differ; the reference is cut to the frame's stamps, which it must hold."""
    reference = reference[reference["timestamp"].isin(frame["timestamp"])].reset_index(drop=True)
    frame = frame.reset_index(drop=True)
    assert frame["timestamp"].tolist() == reference["timestamp"].tolist()
    pairs = {name: (frame[name].to_numpy(float), reference[name].to_numpy(float)) for name in columns}
    return {name: int((~((a == b) | (np.isnan(a) & np.isnan(b)))).sum()) for name, (a, b) in pairs.items()}


def changed(frame, reference, column):
    """Return New York time -> frame minus reference, of the rows in which they differ."""
    reference = reference.set_index("timestamp")[column].reindex(frame["timestamp"]).to_numpy()
    step = frame[column].to_numpy() - reference
    labels = frame["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d %H:%M")
    return {label: value for label, value in zip(labels, step.tolist(), strict=True) if value}


def write_zip(path, rows, member=None):
    """Write a zip of one CSV with these rows (texts), and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member or path.name.replace(".zip", ".csv"), "".join(f"{row}\n" for row in rows))
    return path


def ns(text):
    """Return the instant of a New York time, such as '2024-03-08 09:30:05'."""
    return pd.Timestamp(text, tz="America/New_York").as_unit("ns").value
