import re

from intraday_rl.app.command_line.groups import default_choices, list_groups
from intraday_rl.app.command_line.help_text import EXAMPLES, OFTEN_CHANGED, WIDTH, help_text
from intraday_rl.app.command_line.keys import walk
from intraday_rl.app.compose import compose

TEXT = help_text("train.py", "Do what the test asks.")


def test_help_names_every_group_and_choice_and_marks_the_defaults():
    for group, choices in list_groups().items():
        block = re.search(rf"^  {group}\n((?:    .*\n)+)", TEXT, re.MULTILINE)
        assert block is not None
        labels = re.findall(r"^    (\S+)( \*)?", block[1], re.MULTILINE)
        assert {name for name, _ in labels} >= set(choices)
        marked = [name for name, mark in labels if mark]
        assert marked == [choice for choice in choices if choice == default_choices().get(group)]


def test_help_fits_the_terminal_and_opens_with_the_usage():
    assert TEXT.startswith("usage: python train.py ")
    assert "Do what the test asks." in TEXT
    assert max(map(len, TEXT.splitlines())) <= WIDTH


def test_help_shows_keys_that_exist():
    known = set(walk(compose())) | set(walk(compose(["data=historical", "data.path=x", "data.symbols=[X]"])))
    shown = [key for line in OFTEN_CHANGED if "=" not in line for key in line.split(", ")]
    assert set(shown) <= known


def test_help_shows_examples_that_compose():
    for line in EXAMPLES:
        if not line.startswith("-m"):
            compose(line.split())
