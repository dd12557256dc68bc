"""Names and values within MLflow's limits; the expected texts are written by hand."""

from __future__ import annotations

import hashlib

import pytest

from intraday_rl.tracking.params import UniqueNames, allowed_name, cut, flatten


def test_flatten_joins_nested_keys_with_dots_and_writes_scalars_as_yaml():
    params = {
        "algo": {"gamma": 0.99, "steps": 2048, "target": None, "normalise": True, "name": "ppo"},
        "net": [256, 128],
        "terms": [{"weight": 1.0}, {"weight": 2}],
        "empty": {},
        "none": [],
    }
    assert flatten(params) == {
        "algo.gamma": "0.99",
        "algo.steps": "2048",
        "algo.target": "null",
        "algo.normalise": "true",
        "algo.name": "ppo",
        "net": "[256, 128]",
        "terms.0.weight": "1.0",
        "terms.1.weight": "2",
        "empty": "{}",
        "none": "[]",
    }


def test_flatten_keeps_a_dotted_key_apart_from_a_nested_one():
    assert flatten({"a": {"b": 1}, "a.b": 2}) == {"a.b": "1", "a.b_2": "2"}


def test_flatten_writes_what_json_does_not_know_as_text(tmp_path):
    assert flatten({"path": tmp_path, 3: "three"}) == {"path": str(tmp_path), "3": "three"}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("train/loss", "train/loss"),
        ("hit_rate_%", "hit_rate_percent"),
        ("sharpe (30)", "sharpe _30_"),
        ("a:b=c\n", "a_b_c_"),
        ("/a//./../b/", "a/b"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("größe", "größe"),
    ],
)
def test_allowed_name_replaces_what_mlflow_refuses(name, allowed):
    assert allowed_name(name) == allowed


def test_allowed_name_of_long_names_ends_with_their_digest():
    name = "x" * 300
    assert allowed_name(name) == "x" * 241 + "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    assert len(allowed_name(name)) == 250


def test_unique_names_keep_colliding_names_apart_and_are_stable():
    names = UniqueNames()
    assert [names.allowed(name) for name in ("a(b", "a)b", "a_b", "a)b", "a(b")] == [
        "a_b",
        "a_b_2",
        "a_b_3",
        "a_b_2",
        "a_b",
    ]


def test_cut_leaves_text_within_the_limit_and_marks_longer_text():
    assert cut("x" * 100, 100) == "x" * 100
    short = cut("x" * 7000, 6000)
    assert len(short) == 6000
    assert short.endswith(f"x [cut: 7000 characters, sha256 {hashlib.sha256(b'x' * 7000).hexdigest()}]")


def test_flatten_of_nothing_is_nothing():
    assert flatten({}) == {}
    assert flatten({"reward": {}}) == {"reward": "{}"}
