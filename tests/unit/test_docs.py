"""The pages of docs/ keep up with the code: links lead somewhere, presets exist, models and presets are explained.

Conventions: a check returns one line for each thing that is wrong, and is first shown to find what is planted.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.command_line.groups import list_groups
from intraday_rl.app.compose import compose
from intraday_rl.env.rewards import reward_term
from intraday_rl.env.risk import exit_reason, position_limit
from intraday_rl.market.advance import execute
from intraday_rl.market.costs import commission_usd
from intraday_rl.market.fills import filled_quantity
from intraday_rl.market.impact import temporary_impact
from intraday_rl.market.latency import delay_bars
from intraday_rl.market.rows import OrderRow
from intraday_rl.market.spreads import half_spread
from tests.support.rows import account_row, bar_row

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"])
MODELS = {  # page -> the model tables that it explains
    "rewards.md": (reward_term,),
    "risk.md": (position_limit, exit_reason),
    "market.md": (half_spread, temporary_impact, filled_quantity, delay_bars, commission_usd),
}
GROUPS = {  # page -> the groups of conf/ of which it names every choice
    "rewards.md": ("reward",),
    "risk.md": ("risk", "curriculum"),
    "market.md": ("market", "market/spread", "market/impact", "market/stress"),
}
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
MOST_BYTES = 120_000


def dead_links(page: Path) -> list[str]:
    """Return the relative links and pictures of a page that lead nowhere."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    return [f"{page.name}: {link}" for link in links if not (page.parent / link).exists()]


def unknown_presets(page: Path, groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the `group=choice` of a page whose choice `conf/` does not have."""
    names = "|".join(sorted(groups, key=len, reverse=True))
    named = re.findall(rf"(?<![\w./+~-])({names})=(\w+)", page.read_text(encoding="utf-8"))
    return [f"{page.name}: {group}={choice}" for group, choice in named if choice not in groups[group]]


def unnamed(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that stand in no code of the text, alone or after `group=`."""
    code = set(re.findall(r"[\w/]+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    return [name for name in names if name not in code]


def wrong_rows(text: str, groups: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the groups whose row in a table does not name all choices and no others."""
    rows = dict(re.findall(r"^\| `([\w/]+)` \| ([^|]+) \|", text, flags=re.MULTILINE))
    return [group for group in groups if sorted(re.findall(r"`(\w+)`", rows.get(group, ""))) != sorted(groups[group])]


def commands_of(text: str) -> list[list[str]]:
    """Return the overrides of the commands that train, but for those that need a folder or a module."""
    commands = re.findall(r"^python train\.py (.+)$", text, flags=re.MULTILINE)
    split = [shlex.split(command, comments=True) for command in commands]
    return [words for words in split if not re.search(r"PATH|FOLDER|plugins=|\.\.\.|--", " ".join(words))]


def structs_of(page: str) -> list[str]:
    """Return the names of the package's own models that a page explains."""
    structs = {struct for step in MODELS[page] for struct in step.model.implementations}
    return sorted(struct.__name__ for struct in structs if struct.__module__.startswith("intraday_rl."))


def test_checks_find_what_is_planted(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "![a](images/no.png) [b](page.md#c) [d](https://x.example/y) `risk=bold` risk=calm e.risk=no `Stop`\n"
    )
    assert dead_links(page) == ["page.md: images/no.png"]
    assert unknown_presets(page, {"risk": ("calm",)}) == ["page.md: risk=bold"]
    assert unnamed(page.read_text(), ["Stop", "bold", "calm", "Sto"]) == ["calm", "Sto"]
    table = "| `risk` | `calm` `bold` | |\n| `data` | `files` | |"
    assert wrong_rows(table, {"risk": ("bold", "calm"), "data": ("files", "x"), "env": ("y",)}) == ["data", "env"]
    assert commands_of("python train.py a=1 '~b'  # c\npython train.py data.path=PATH") == [["a=1", "~b"]]
    assert {"Profit", "RoundTripBonus"} <= set(structs_of("rewards.md"))
    assert {"MaxUnits", "FlatBeforeClose"} <= set(structs_of("risk.md"))
    assert {"KyleImpact", "UniformLatency"} <= set(structs_of("market.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_what_exists(page: Path):
    assert dead_links(page) == []
    assert unknown_presets(page, list_groups()) == []


@pytest.mark.parametrize("page", MODELS)
def test_page_names_every_model_and_preset(page: str):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert unnamed(text, structs_of(page)) == []
    assert {group: unnamed(text, list_groups()[group]) for group in GROUPS[page]} == {g: [] for g in GROUPS[page]}


def test_readme_has_a_row_for_every_group():
    assert wrong_rows((PROJECT / "README.md").read_text(encoding="utf-8"), list_groups()) == []


@pytest.mark.slow
@pytest.mark.parametrize("page", [*MODELS, "../README.md"])
def test_commands_of_a_page_are_understood(page: str):
    commands = commands_of((DOCS / page).read_text(encoding="utf-8"))
    assert commands
    for overrides in commands:
        build_plan(compose([word for word in overrides if word != "-m" and "," not in word]))


@pytest.mark.parametrize(
    ("preset", "price", "costs"),
    [
        ("kyle", (500.0311, 500.2952), ((1.0, 0.10, 2.01, 1.0), (0.5, -0.02, 0.0, 1.0))),
        ("square_root", (500.0401, 500.285), ((1.0, 1.0, 2.01, 1.0), (0.5, 1.0, 0.0, 1.0))),
    ],
)
def test_example_of_the_market_page_by_hand(preset: str, price: Any, costs: Any):
    execution = build_plan(compose([f"market/impact={preset}"])).rules.execution
    flat = {"close": 500.0, "mid": 500.0, "volatility": 0.2, "typical_volume": 40_000.0, "kyle_lambda": 2e-5}
    decision = bar_row(**flat)
    busy = bar_row(**flat | {"open": 500.02, "vwap": 500.08, "low": 499.9, "high": 500.4, "widening": 2.0})
    still = bar_row(**flat | dict.fromkeys(("open", "vwap", "low", "high", "close", "mid"), 500.3))
    account, delay = account_row(), delay_bars(execution.latency, 0.5)  # 100 ms
    bought = execute(OrderRow(100.0, False, delay, 500.0), account, decision, busy, execution)
    sold = execute(OrderRow(-100.0, False, delay, 500.3), account, still, still, execution)
    assert (bought.price, sold.price) == pytest.approx(price, abs=1e-10)
    paid = [(fill.spread_usd, fill.impact_usd, fill.latency_usd, fill.commission_usd) for fill in (bought, sold)]
    assert paid == [pytest.approx(cost, abs=1e-9) for cost in costs]
    urgent = execute(OrderRow(-100.0, True, delay, 500.3), account, still, still, execution)
    assert urgent.spread_usd == pytest.approx(1.5)


def load_draw() -> Any:
    spec = importlib.util.spec_from_file_location("draw", DOCS / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_pictures_are_drawn_the_same_twice_small_and_shown(tmp_path: Path):
    draw = load_draw()
    texts = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        draw.main(folder)
    files = sorted((tmp_path / "first").iterdir())
    assert len(files) == len(draw.PICTURES)
    for file in files:
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()
        assert file.stat().st_size < MOST_BYTES
        assert f"images/{file.name}" in texts
        assert (draw.IMAGES / file.name).stat().st_size < MOST_BYTES
