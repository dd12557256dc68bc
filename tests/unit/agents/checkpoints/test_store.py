"""Checkpoints on disk: what comes back, which are kept, and what is refused."""

import json
import logging
import math

import numpy as np
import pytest

from intraday_rl.agents.checkpoints.store import CheckpointStore
from intraday_rl.core.errors import CheckpointError

STATE = {
    "numbers": {"whole": 2**100, "real": 0.1, "nan": math.nan, "inf": -math.inf, "yes": True, "none": None},
    "list": [1, [2.5, "text"], {"inner": np.arange(3)}],
    "zero_size": np.zeros((0, 2), np.float32),
    "zero_dim": np.array(1.5, np.float32),
    "scalar": np.float32(0.1),
    "records": np.array([(1, 2.0)], np.dtype([("a", "i4"), ("b", "f8")], align=True)),
    "a/b": {"c.d": np.array([True])},
}


def anything(state):
    """Accept all that is whole."""


def store_of(folder, steps=(), keep=2):
    store = CheckpointStore(folder / "resume", keep)
    for step in steps:
        store.save(step, {"step": step, "array": np.full(100, step)})
    return store


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records]


def test_saved_values_come_back_with_their_types(tmp_path):
    store_of(tmp_path).save(7, STATE)
    step, state = store_of(tmp_path).load(anything)
    assert step == 7
    assert list(state) == list(STATE)
    assert repr(state["numbers"]) == repr(STATE["numbers"])
    assert state["list"][:2] == [1, [2.5, "text"]]
    assert state["list"][2]["inner"].tolist() == [0, 1, 2]
    for name in ("zero_size", "zero_dim", "records"):
        assert type(state[name]) is np.ndarray
        assert (state[name].dtype, state[name].shape) == (STATE[name].dtype, STATE[name].shape)
        assert state[name].tolist() == STATE[name].tolist()
    assert type(state["scalar"]) is np.float32
    assert state["scalar"] == np.float32(0.1)
    assert state["a/b"]["c.d"].tolist() == [True]


@pytest.mark.parametrize("value", [{1: 2}, {"$array": 1}, object(), {"a": {1, 2}}])
def test_values_that_a_checkpoint_cannot_hold_are_refused(tmp_path, value):
    with pytest.raises(TypeError, match="checkpoint"):
        store_of(tmp_path).save(1, {"x": value})


def test_objects_are_neither_written_nor_read(tmp_path):
    """Only plain arrays: nothing in a checkpoint can run code."""
    store = store_of(tmp_path)
    store.save(1, {"x": np.array([1])})
    np.savez(tmp_path / "resume" / "1" / "arrays.npz", **{"0": np.array([print], dtype=object)})
    with pytest.raises(CheckpointError):
        store.load(anything)


def test_newest_of_those_that_are_kept_is_loaded(tmp_path):
    store = store_of(tmp_path, (90, 100, 1000))
    assert store.steps() == [100, 1000]
    assert store.load(anything)[1]["array"][0] == 1000
    assert store_of(tmp_path, (2000,), keep=1).steps() == [2000]


def test_checkpoint_of_the_same_step_replaces_the_former(tmp_path):
    store = store_of(tmp_path, (5, 10))
    store.save(10, {"array": np.array([-1])})
    assert store.load(anything)[1]["array"].tolist() == [-1]
    assert store.steps() == [5, 10]


def test_checkpoints_of_a_future_that_was_lost_are_dropped(tmp_path):
    store = store_of(tmp_path, (10, 30))
    store.save(20, {})
    assert store.steps() == [10, 20]


def test_what_is_newer_or_half_written_can_be_dropped(tmp_path):
    store = store_of(tmp_path, (10, 20, 30), keep=3)
    (tmp_path / "resume" / "40.new").mkdir()
    (tmp_path / "resume" / "lock").touch()
    store.drop_after(20)
    assert sorted(path.name for path in (tmp_path / "resume").iterdir()) == ["10", "20", "lock"]


def spoil(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


TEARS = {
    "a flipped byte in the arrays": lambda folder: spoil(folder / "arrays.npz"),
    "a flipped byte in the state": lambda folder: spoil(folder / "state.json"),
    "arrays cut short": lambda folder: (folder / "arrays.npz").write_bytes((folder / "arrays.npz").read_bytes()[:-5]),
    "no arrays": lambda folder: (folder / "arrays.npz").unlink(),
    "no state": lambda folder: (folder / "state.json").unlink(),
    "an empty state": lambda folder: (folder / "state.json").write_text(""),
    "a state of another kind": lambda folder: (folder / "state.json").write_text("[]"),
}


@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS)
def test_torn_checkpoint_is_said_and_the_one_before_is_used(tmp_path, caplog, tear):
    store = store_of(tmp_path, (10, 20))
    tear(tmp_path / "resume" / "20")
    assert store.load(anything)[0] == 10
    (line,) = warnings_of(caplog)
    assert f"{tmp_path}/resume/20 cannot be used" in line
    assert "\n" not in line


def test_checkpoint_that_is_checked_and_found_wanting_is_not_used(tmp_path, caplog):
    def check(state):
        if state["step"] == 20:
            raise CheckpointError("transitions are missing")

    assert store_of(tmp_path, (10, 20)).load(check)[0] == 10
    assert "transitions are missing" in warnings_of(caplog)[0]


def test_state_edited_by_hand_is_refused(tmp_path):
    store = store_of(tmp_path, (10,))
    path = tmp_path / "resume" / "10" / "state.json"
    content = json.loads(path.read_text())
    content["state"]["step"] = 11
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="holds no checkpoint that is whole"):
        store.load(anything)


def test_none_whole_is_one_line(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    store = store_of(tmp_path, (10, 20))
    for step in (10, 20):
        TEARS["no state"](tmp_path / "resume" / str(step))
    with pytest.raises(
        CheckpointError, match=f"{tmp_path}/resume holds no checkpoint that is whole; start the run anew"
    ):
        store.load(anything)


def test_what_an_interrupted_write_leaves_is_no_checkpoint(tmp_path):
    store = store_of(tmp_path, (10,))
    (tmp_path / "resume" / "20.new").mkdir()
    (tmp_path / "resume" / "20.new" / "arrays.npz").write_bytes(b"half")
    assert store.steps() == [10]
    store.save(20, {"step": 20})
    assert sorted(path.name for path in (tmp_path / "resume").iterdir()) == ["10", "20"]


def test_missing_folder_holds_nothing(tmp_path):
    assert store_of(tmp_path).steps() == []
    with pytest.raises(CheckpointError):
        store_of(tmp_path).load(anything)
