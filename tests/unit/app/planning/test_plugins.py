"""Plugins: structs of a module that the command line names may be targets, those of any other may not."""

import sys

import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.make import make_env
from intraday_rl.app.planning.plugins import is_plugin, load_plugins
from intraday_rl.app.planning.structs import find_struct
from intraday_rl.core.errors import ConfigError
from intraday_rl.env.rewards import reward_term

SOURCE = '''
from typing import NamedTuple
from intraday_rl.env.rewards import StepRow, reward_term
from intraday_rl.market.rows import OwnMemory

class Rent(NamedTuple):
    """So many USD a bar."""
    usd: float
    def check(self) -> None:
        """Accept all."""

@reward_term.model.implement(Rent)
def rent(params: Rent, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the rent."""
    return -params.usd
'''
OVERRIDES = ["plugins=[own_terms.rent]", "+reward.terms.rent={_target_: own_terms.rent.Rent, usd: 2.5}"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package outside of this one, where Python finds it."""
    folder = tmp_path / "own_terms"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "rent.py").write_text(SOURCE)
    (folder / "broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    load_plugins([])
    known = reward_term.model.implementations
    for struct in [struct for struct in known if struct.__module__.startswith("own_terms")]:
        del known[struct]
    for name in [name for name in sys.modules if name.startswith("own_terms")]:
        del sys.modules[name]


def test_term_of_a_plugin_is_paid(package):
    env = make_env([*OVERRIDES, "data.source.num_sessions=40"])
    env.reset(seed=0)
    info = env.step(1)[4]
    assert info["reward_parts"] == {"profit": 0.0, "rent": -0.5}  # 2.50 USD of 50,000 are half a basis point


def test_plugin_of_a_former_configuration_is_none_of_the_next(package):
    build_plan(compose(OVERRIDES))
    assert is_plugin("own_terms.rent")
    with pytest.raises(
        ConfigError, match=r"reward\.terms\.rent\._target_ must name a struct of intraday_rl, or of a mod"
    ):
        build_plan(compose(OVERRIDES[1:]))


def test_module_beside_a_plugin_is_no_plugin(package):
    load_plugins(["own_terms.rent"])
    assert is_plugin("own_terms.rent.inner")
    assert not is_plugin("own_terms")
    assert not is_plugin("own_terms.rent2")
    with pytest.raises(ConfigError, match="must name a struct of"):
        find_struct("reward.terms.x", "own_terms.broken.Term")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["no_such_module"],
            "plugins: no_such_module cannot be imported: No module named 'no_such_module'; install it",
        ),
        (["own_terms.broken"], "plugins: own_terms.broken cannot be imported: division by zero; install it, or put"),
        ("own_terms", r"plugins must be a list of modules, such as \[mypackage.terms\], was 'own_terms'"),
        ([1], r"plugins must be a list of modules"),
    ],
)
def test_plugins_refuse_in_one_line(package, names, message):
    with pytest.raises(ConfigError, match=message):
        load_plugins(names)
