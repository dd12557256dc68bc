"""The configuration folder: every choice composes, every target exists, every experiment makes a plan."""

from __future__ import annotations

import re

import pytest

from intraday_rl.app.build import Plan, build_plan
from intraday_rl.app.command_line.groups import CONF, HYDRA, list_groups
from intraday_rl.app.compose import compose
from intraday_rl.app.planning.structs import find_struct
from intraday_rl.app.sweeping.settings import read_settings

TARGETS = sorted(
    {
        (file.relative_to(CONF).as_posix(), target)
        for file in CONF.rglob("*.yaml")
        if file.relative_to(CONF).parts[0] != HYDRA  # its plug-ins are found by Hydra itself
        for target in re.findall(r"^\s*_target_:\s*(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
)
CHOICES = [
    pytest.param(f"{group}={choice}", marks=[] if group == "experiment" else pytest.mark.slow)
    for group, choices in list_groups().items()
    for choice in choices
]
NEEDED = {
    "data=historical": ["data.path=bars", "data.symbols=[SPY]"],
    "data=massive": ["data.symbols=[SPY]", "data.start=2024-01-02", "data.end=2024-03-28"],
    "data=files": ["data.symbols=[SPY]"],
    "data/quality=standard": ["data=historical", "data.path=bars", "data.symbols=[SPY]"],
    "features=known_state": ["data=ou_market"],
    "warm_start=run": ["warm_start.path=run"],
}


def test_targets_are_found():
    assert len(TARGETS) >= 20


@pytest.mark.parametrize(("file", "target"), TARGETS)
def test_every_target_is_a_struct_of_the_package(file: str, target: str):
    assert find_struct(file, target).__name__ == target.split(".")[-1]


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_makes_a_plan(choice: str):
    sweep = ["hparams=screening"] if choice.startswith("hparams/") else []
    config = compose([choice, *sweep, *NEEDED.get(choice, [])])
    assert isinstance(build_plan(config), Plan)
    if sweep:
        assert read_settings(config["hparams"]).objectives


@pytest.mark.parametrize("file", sorted(CONF.rglob("*.yaml")), ids=lambda file: file.relative_to(CONF).as_posix())
def test_every_file_opens_with_a_comment(file):
    assert file.read_text(encoding="utf-8").startswith("# ")
