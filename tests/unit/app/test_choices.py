"""What choices make: the same as plain Hydra's, composed once, seen anew when a file changes, and never shared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hydra import compose as compose_with_hydra
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from intraday_rl.app.command_line import choices as choosing
from intraday_rl.app.command_line.choices import HYDRA_VERSION, compose_choices, is_choice
from intraday_rl.app.command_line.groups import CONF, PRIMARY, default_choices, list_groups
from intraday_rl.app.command_line.overrides import parse
from intraday_rl.app.compose import compose, register_resolvers

LINES = [
    [],
    ["experiment=phase3", "algo.parameters.batch_size=64", "seed=1", "seed=2"],
    ["seed=3", "experiment=sac", "features=window11", "name=${data.name}-x", "hydra.run.dir=elsewhere"],
    ["debug=smoke", "~reward.terms.profit", "data=ou_market", "plugins=[a,b]", "+market.by_symbol.SPY.x=1"],
    ["reward={terms: {profit: {weight: 2}}}", "++algo.parameters.new={a: [1, null, ${seed}]}", "algo=sac"],
    ["hparams=screening", "hydra/job_logging=disabled", "hydra.job.num=3"],
]

BRINGING = {"data": ["data=historical"], "hparams": ["hparams=screening"]}  # what has the groups below these


@pytest.fixture(autouse=True)
def _resolvers() -> None:
    register_resolvers()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A copy of `conf/` that Hydra reads instead of it."""
    copied = tmp_path / "conf"
    shutil.copytree(CONF, copied)
    monkeypatch.setattr(choosing, "CONF", copied)
    return copied


def made_by(lines: list[str]) -> DictConfig:
    overrides = parse(lines)
    chosen = compose_choices([override for override in overrides if is_choice(override)])
    return chosen.with_values([override for override in overrides if not is_choice(override)])


def made_by_hydra(lines: list[str]) -> DictConfig:
    with initialize_config_dir(str(CONF), job_name="train", version_base=HYDRA_VERSION):
        return compose_with_hydra(PRIMARY, lines)


def change(file, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def assert_same(config: DictConfig, expected: DictConfig) -> None:
    assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(expected)  # the order of keys too
    assert config == expected
    assert OmegaConf.is_struct(config)


@pytest.mark.parametrize("lines", LINES, ids=" ".join)
def test_configuration_is_that_of_plain_hydra(lines):
    assert_same(made_by(lines), made_by_hydra(lines))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "choice"), [(group, name) for group, names in list_groups().items() for name in names]
)
def test_every_choice_makes_what_plain_hydra_makes(group, choice):
    override = f"{group}={choice}" if group in default_choices() else f"+{group}={choice}"
    lines = [*BRINGING.get(group.rpartition("/")[0], []), override, "seed=5"]
    assert_same(made_by(lines), made_by_hydra(lines))


def test_plain_one_is_that_of_the_choices_alone():
    chosen = compose_choices(parse(["experiment=phase3"]))
    assert chosen.plain == OmegaConf.to_container(made_by_hydra(["experiment=phase3"]), resolve=False)


def test_same_choices_are_composed_once(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        choosing, "compose_with_hydra", lambda *a, **k: asked.append(a[1]) or compose_with_hydra(*a, **k)
    )
    for lines in (["seed=1"], ["seed=2", "hydra.run.dir=x"], ["seed=3", "algo=sac"], ["algo=sac"]):
        made_by(lines)
    assert asked == [[], ["algo=sac"]]


def test_changed_file_is_seen_by_the_next_configuration(folder):
    assert made_by(["checklist=true"]).seed == 0
    change(folder / "config.yaml", "seed: 0 ", "seed: 7 ")  # of the same size
    assert made_by(["checklist=true"]).seed == 7


def test_file_that_comes_or_goes_is_seen_by_the_next_configuration(folder):
    brought = folder / "debug" / "for_algo" / "smoke_ppo.yaml"
    kept = brought.read_text(encoding="utf-8")
    with_it = made_by(["debug=smoke"])
    brought.unlink()
    assert made_by(["debug=smoke"]) != with_it
    brought.write_text(kept, encoding="utf-8")
    assert made_by(["debug=smoke"]) == with_it


def test_changed_file_from_elsewhere_is_seen(tmp_path):
    file = tmp_path / "algo" / "mine.yaml"
    file.parent.mkdir()
    lines = [f"hydra.searchpath=[file://{tmp_path}]", "algo=mine"]
    for name in ("one", "two"):
        file.write_text(f"name: {name}\n", encoding="utf-8")
        assert made_by(lines).algo.name == name


def test_nothing_of_a_configuration_gets_into_the_next():
    first = made_by(["seed=1"])
    first.algo.parameters.batch_size = -1
    OmegaConf.set_struct(first, False)
    first.mine = 1
    assert_same(made_by(["seed=1"]), made_by_hydra(["seed=1"]))
    plain = compose()
    plain["algo"]["parameters"].clear()
    plain["plugins"].append("mine")
    assert compose()["algo"]["parameters"]
    assert compose()["plugins"] == []


def test_ids_are_drawn_for_each_configuration():
    names = [compose(["name=${unique_id:}"])["name"] for _ in range(3)]
    assert len(set(names)) == 3
