import copy

import pytest

from intraday_rl.app.command_line.keys import check_existing, check_keys, missing_keys
from intraday_rl.core.errors import ConfigError

REFERENCE = {
    "seed": 0,
    "name": "${data.name}",
    "progress": True,
    "data": {"path": "???", "start": None, "weights": [0.5, 0.5]},
    "algo": {"rate": 0.1, "parameters": {"_target_": "A", "width": 3}},
    "reward": {"scale": 1.0, "terms": {"profit": {"_target_": "P", "weight": 1.0}}},
    "tracking": {"study": "s", "tags": {}},
}
REFUSED = [
    ("seed", "x", "seed must be a whole number, was 'x'"),
    ("seed", 1.5, "seed must be a whole number, was 1.5"),
    ("seed", True, "seed must be a whole number, was True"),
    ("seed", None, "seed must be a whole number, was None"),
    ("seed", {"a": 1}, "seed must be a whole number, was {'a': 1}"),
    ("progress", 1, "progress must be true or false, was 1"),
    ("algo.rate", "fast", "algo.rate must be a number, was 'fast'"),
    ("algo.rate", True, "algo.rate must be a number, was True"),
    ("data.weights", 0.5, "data.weights must be a list, was 0.5"),
    ("data.weights", [0.5, "x"], "data.weights[1] must be a number, was 'x'"),
    ("algo", 5, "algo must be a group of keys, was 5"),
    ("algo.parameters", 5, "algo.parameters must be a group of keys, was 5"),
    ("reward.terms.profit", 5, "reward.terms.profit must be a group of keys, was 5"),
    ("foo", 1, "unknown key foo; --cfg job shows all keys"),
    ("seeed", 1, "unknown key seeed (did you mean seed?)"),
    ("algo.rat", 1, "unknown key algo.rat (did you mean algo.rate?)"),
    ("algo.width", 1, "unknown key algo.width (did you mean algo.parameters.width?)"),
    ("algo.parameters.widht", 1, "unknown key algo.parameters.widht (did you mean algo.parameters.width?)"),
    (
        "reward.terms.profit.weigth",
        1,
        "unknown key reward.terms.profit.weigth (did you mean reward.terms.profit.weight?)",
    ),
    (
        "reward.terms.profits",
        {"weight": 1},
        "(did you mean reward.terms.profit.weight?); a new member of reward.terms needs",
    ),
    ("reward.term", {"_target_": "P"}, "unknown key reward.term._target_ (did you mean"),
    ("tracking.tags", "x", "tracking.tags must be a group of keys, was 'x'"),
    ("tracking.tags.trial", {"number": 3}, "tracking.tags.trial must be a text, a number, true or false, was {'numb"),
    ("tracking.tags.trial", [3], "tracking.tags.trial must be a text, a number, true or false, was [3]"),
    ("tracking.tags.trial", None, "tracking.tags.trial must be a text, a number, true or false, was None"),
    ("tracking.tag", {"trial": 3}, "unknown key tracking.tag.trial (did you mean tracking.tags?)"),
]
ALLOWED = [
    ("seed", 7),
    ("algo.rate", 2),
    ("algo.parameters.width", "anything: the struct checks it"),
    ("algo.parameters", {"_target_": "B", "other": 1}),
    ("data.path", 5),
    ("data.start", "2024-01-02"),
    ("data.weights", []),
    ("name", "x"),
    ("reward.terms.more", {"_target_": "Q", "anything": 1}),
    ("tracking.tags", {"trial": 3, "note": "x", "rising": True, "share": 0.5}),
]


def with_value(key: str, value: object) -> dict[str, object]:
    config = copy.deepcopy(REFERENCE)
    *parents, name = key.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    node[name] = value
    return config


def without(key: str) -> dict[str, object]:
    config = copy.deepcopy(REFERENCE)
    *parents, name = key.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    del node[name]
    return config


@pytest.mark.parametrize(("key", "value", "message"), REFUSED)
def test_check_keys_refuses(key: str, value: object, message: str):
    with pytest.raises(ConfigError) as refusal:
        check_keys(with_value(key, value), REFERENCE)
    assert message in str(refusal.value)


@pytest.mark.parametrize(("key", "value"), ALLOWED)
def test_check_keys_lets_pass(key: str, value: object):
    check_keys(with_value(key, value), REFERENCE)


@pytest.mark.parametrize("key", ["seed", "algo", "algo.rate", "algo.parameters.width", "reward.terms.profit.weight"])
def test_check_keys_refuses_what_is_left_out(key: str):
    with pytest.raises(ConfigError, match=rf"^{key} cannot be left out; only members of reward\.terms, "):
        check_keys(without(key), REFERENCE)


def test_check_keys_lets_members_of_open_groups_leave():
    check_keys(without("reward.terms.profit"), REFERENCE)


def test_check_existing_knows_groups_values_and_items():
    check_existing("algo.parameters", {"width": 5}, REFERENCE)
    check_existing("algo.parameters.width", 5, REFERENCE)
    check_existing("data.weights", [1.0, 2.0, 3.0], REFERENCE)
    check_existing("data.weights.1", 1.0, REFERENCE)
    with pytest.raises(ConfigError, match=r"unknown key data\.weights\.2"):
        check_existing("data.weights.2", 1.0, REFERENCE)
    with pytest.raises(ConfigError, match=r"unknown key algo\.parameters\.with \(did you mean algo\.parameters\.width"):
        check_existing("algo", {"parameters": {"with": 5}}, REFERENCE)


def test_tag_that_is_set_without_a_plus_is_told_how_to_join():
    with pytest.raises(ConfigError) as refusal:
        check_existing("tracking.tags.trial", 3, REFERENCE)
    assert str(refusal.value) == (
        "unknown key tracking.tags.trial; a new one is added with a plus: +tracking.tags.trial=…"
    )


def test_missing_keys_are_those_left_to_the_user():
    assert missing_keys(REFERENCE) == ["data.path"]
