"""The cache of arrays: made once, verified, never half written, whatever happens to its files."""

import json
import multiprocessing
import os
import time

import numpy as np
import pytest

from intraday_rl.core import array_cache
from intraday_rl.core.array_cache import Entry, cache_root, cached

VALUES = np.arange(1000, dtype=np.float32).reshape(100, 10)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    return tmp_path / "intraday_rl" / "arrays"


class Maker:
    """Makes the entry and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return Entry({"values": VALUES, "flags": VALUES[:, 0] > 50}, {"symbol": "SPY"})


def assert_is_the_entry(entry):
    np.testing.assert_array_equal(entry.arrays["values"], VALUES)
    np.testing.assert_array_equal(entry.arrays["flags"], VALUES[:, 0] > 50)
    assert entry.facts == {"symbol": "SPY"}


def test_entry_is_made_once():
    make = Maker()
    for _ in range(3):
        assert_is_the_entry(cached("bars", "ab", make))
    assert make.calls == 1
    cached("bars", "cd", make)
    cached("features", "ab", make)
    assert make.calls == 3


def test_what_is_written_into_an_array_does_not_reach_the_disk():
    entry = cached("bars", "ab", Maker())
    entry.arrays["values"][0] = -1.0
    assert_is_the_entry(cached("bars", "ab", Maker()))


def test_arrays_are_plain_and_writable():
    values = cached("bars", "ab", Maker()).arrays["values"]
    assert type(values) is np.ndarray
    assert values.flags.writeable
    assert values.flags.c_contiguous


def cut(file):
    file.write_bytes(file.read_bytes()[:-7])


def change_a_byte(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


def remove(file):
    file.unlink()


def empty(file):
    file.write_bytes(b"")


def drop_a_key(file):
    file.write_text(json.dumps({"facts": {}}))


def turn_the_shape(file):
    file.write_bytes(file.read_bytes().replace(b"(100, 10)", b"(10, 100)"))


def change_a_fact(file):
    file.write_text(file.read_text().replace("SPY", "QQQ"))


DAMAGES = {
    "values.npy": (cut, change_a_byte, remove, empty, turn_the_shape),
    "manifest.json": (cut, remove, empty, drop_a_key, change_a_fact),
}


@pytest.mark.parametrize(
    ("name", "damage"), [(name, damage) for name, damages in DAMAGES.items() for damage in damages],
)  # fmt: skip
def test_damaged_entry_is_made_anew(folder, caplog, name, damage):
    make = Maker()
    cached("bars", "ab", make)
    damage(folder / "bars" / "ab" / name)
    assert_is_the_entry(cached("bars", "ab", make))
    assert make.calls == 2
    assert "it is made anew" in caplog.text
    assert_is_the_entry(cached("bars", "ab", make))
    assert make.calls == 2
    assert [path.name for path in (folder / "bars").iterdir()] == ["ab"]


def test_interrupted_making_leaves_no_entry(folder):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("bars", "ab", interrupted)
    assert not (folder / "bars" / "ab").exists()
    assert_is_the_entry(cached("bars", "ab", Maker()))


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(folder, caplog):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    assert_is_the_entry(cached("bars", "ab", Maker()))
    assert "cannot be cached" in caplog.text


def test_a_cache_that_can_only_be_read_is_read(folder, monkeypatch, caplog):
    cached("bars", "ab", Maker())

    def refuse(*arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    make = Maker()
    assert_is_the_entry(cached("bars", "ab", make))
    assert make.calls == 0
    assert caplog.text == ""


def test_another_library_is_another_digest(monkeypatch):
    before = array_cache.code_digest("core")
    array_cache.code_digest.cache_clear()
    monkeypatch.setattr(array_cache, "version", lambda name: "0.0")
    assert array_cache.code_digest("core") != before
    array_cache.code_digest.cache_clear()


def make_slowly():
    time.sleep(0.05)
    return Entry({"values": VALUES, "flags": VALUES[:, 0] > 50}, {"symbol": "SPY"})


def race(root, barrier, results):
    import platformdirs

    platformdirs.user_cache_dir = lambda name: str(root / name)
    for turn in range(5):
        barrier.wait()
        entry = cached("bars", f"key{turn}", make_slowly)
        results.put(float(entry.arrays["values"].sum()))


def test_processes_at_once_do_not_corrupt_the_cache(tmp_path, folder):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=race, args=(tmp_path, barrier, results)) for _ in range(4)]
    for process in processes:
        process.start()
    found = [results.get(timeout=30) for _ in range(20)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert found == [float(VALUES.sum())] * 20
    assert sorted(path.name for path in (folder / "bars").iterdir()) == [f"key{turn}" for turn in range(5)]
    for turn in range(5):
        assert_is_the_entry(cached("bars", f"key{turn}", Maker()))


def test_entries_used_last_stay(folder, monkeypatch):
    for key, age in (("old", 30), ("older", 60)):
        cached("bars", key, Maker())
        os.utime(folder / "bars" / key, (time.time() - age, time.time() - age))
    size = sum(file.stat().st_size for file in (folder / "bars" / "old").iterdir())
    monkeypatch.setattr(array_cache, "BYTES_KEPT", 2 * size)
    cached("bars", "new", Maker())
    assert sorted(path.name for path in (cache_root() / "bars").iterdir()) == ["new", "old"]
