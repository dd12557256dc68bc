from pathlib import Path

import pytest

from intraday_rl.app.command_line import groups
from intraday_rl.app.command_line.groups import default_choices, explain_missing, list_groups, purpose


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A configuration folder written for the test."""
    files = {
        "config.yaml": "defaults:\n  - fruit: pear\n  - _self_\n  - extra: null\n  - override hydra/job_logging: x\n",
        "fruit/pear.yaml": "# @package _global_\n# Sweet.\n# And soft.\na: 1\n",
        "fruit/apple.yaml": "defaults:\n  - peel: red\nb: ???   # weight in grams\n",
        "fruit/peel/red.yaml": "_target_: some.module.Red\n",
        "extra/nut.yaml": "c: 1\n",
        "extra/for_fruit/nut_pear.yaml": "# Brought along.\nd: 1\n",
        "hydra/job_logging/x.yaml": "version: 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(groups, "CONF", tmp_path)
    list_groups.cache_clear()
    default_choices.cache_clear()
    yield
    list_groups.cache_clear()
    default_choices.cache_clear()


@pytest.mark.usefixtures("conf")
def test_list_groups_are_the_folders_without_hydras():
    assert list_groups() == {"extra": ("nut",), "fruit": ("apple", "pear"), "fruit/peel": ("red",)}


@pytest.mark.usefixtures("conf")
def test_default_choices_come_from_all_defaults_lists():
    assert default_choices() == {"fruit": "pear", "extra": None, "fruit/peel": "red"}


@pytest.mark.usefixtures("conf")
def test_purpose_is_the_first_comment_or_the_target():
    assert purpose("fruit", "pear") == "Sweet."
    assert purpose("fruit/peel", "red") == "Red"
    assert purpose("extra", "nut") == ""


@pytest.mark.usefixtures("conf")
def test_explain_missing_quotes_the_comment():
    assert explain_missing("fruit.b") == " (weight in grams)"
    assert explain_missing("fruit.a") == ""


def test_every_choice_of_the_project_says_what_it_is_for():
    silent = [
        f"{group}={choice}"
        for group, choices in list_groups().items()
        for choice in choices
        if not purpose(group, choice)
    ]
    assert silent == []
