"""Dispatch on structs, groups of structs, and the cache folder that is named by the sources."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from intraday_rl.core import jit, structs
from intraday_rl.core.jit import JIT_DISABLED, every, model, njit, prefetch
from intraday_rl.env.risk import MaxUnits


class Circle(NamedTuple):
    radius: float


class Square(NamedTuple):
    side: float


class Unknown(NamedTuple):
    side: float


@model
def area(params: Any, scale: float) -> float:
    """Return the area times `scale`."""
    raise NotImplementedError


@area.model.implement(Circle)
def circle_area(params: Circle, scale: float) -> float:
    return math.pi * params.radius**2 * scale


@area.model.implement(Square)
def square_area(params: Square, scale: float) -> float:
    return params.side**2 * scale


areas = every(area)
scaled_areas = every(area, per_member="scale")


@njit
def area_in_kernel(params, scale):
    return area(params, scale)


@njit
def sum_of_areas(group, scale):
    total = 0.0
    for value in areas(group, scale):
        total += value
    return total


@njit
def sum_of_scaled_areas(group, scales, start):
    total = 0.0
    for value in scaled_areas(group, scales, start):
        total += value
    return total


@pytest.mark.parametrize(("params", "expected"), [(Circle(2.0), 4 * math.pi), (Square(3.0), 9.0)])
@pytest.mark.parametrize("call", [area, area_in_kernel], ids=["python", "kernel"])
def test_model_picks_the_rule_of_the_struct(call, params, expected):
    assert call(params, 1.0) == pytest.approx(expected)
    assert call(structs.pack(params)[0], 2.0) == pytest.approx(2 * expected)


def test_model_lists_its_implementations():
    assert area.model.implementations == {Circle: circle_area, Square: square_area}
    assert area.model.name == "area"
    assert area.__doc__ == "Return the area times `scale`."
    assert area.model.find(jit.label_of(Circle)) is circle_area
    assert area.model.find("Unknown") is None


def test_model_refuses_a_struct_without_a_rule():
    with pytest.raises(Exception, match=r"Unknown|NoneType"):
        area(Unknown(1.0), 1.0)
    with pytest.raises(Exception, match=r"Unknown|NoneType|area"):
        area_in_kernel(structs.pack(Unknown(1.0))[0], 1.0)


def test_every_asks_each_member_of_a_group():
    group = structs.nest("Shapes", {"one": Circle(1.0), "two": Square(2.0), "three": Square(3.0)})
    assert sum_of_areas(group[0], 2.0) == pytest.approx(2 * (math.pi + 4 + 9))


def test_every_gives_each_member_its_own_item():
    group = structs.nest("Shapes", {"one": Square(2.0), "two": Square(3.0)})
    assert sum_of_scaled_areas(group[0], np.array([9.0, 10.0, 0.5]), 1) == pytest.approx(44.5)


def test_struct_name_of_numba_types():
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]  # of a struct from outside the package
    assert jit.struct_name(numba.typeof(Circle(1.0))) == f"Circle_{digest}"
    assert jit.struct_name(numba.typeof(structs.pack(Square(1.0))[0])) == f"Square_{digest}"
    assert jit.label_of(MaxUnits) == "MaxUnits"
    assert jit.struct_name(numba.types.float64) is None
    plain = np.zeros(1, dtype=[("x", np.float64)])[0]
    assert jit.struct_name(numba.typeof(plain)) is None


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a package of two files that stands in for ours."""
    folder = tmp_path / "package"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.py").write_text("a = 1\n")
    (folder / "inner" / "b.py").write_text("b = 1\n")
    monkeypatch.setattr(jit, "PACKAGE", folder)
    return folder


def test_digest_changes_with_every_source(package, monkeypatch):
    digests = [jit.sources_digest()]
    assert len(digests[0]) == 16
    assert jit.sources_digest() == digests[0]
    (package / "inner" / "b.py").write_text("b = 2\n")
    digests.append(jit.sources_digest())
    (package / "inner" / "b.py").rename(package / "inner" / "c.py")
    digests.append(jit.sources_digest())
    (package / "data.csv").write_text("1\n")
    assert jit.sources_digest() == digests[-1]
    monkeypatch.setattr(jit.numba, "__version__", "0.0")
    digests.append(jit.sources_digest())
    assert len(set(digests)) == 4


def test_cache_keeps_the_newest_folders_of_other_digests(package, tmp_path, monkeypatch):
    monkeypatch.setattr(jit.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    root = tmp_path / "cache" / "intraday_rl" / "kernels"
    for age in range(7):
        (root / f"old{age}").mkdir(parents=True)
        os.utime(root / f"old{age}", (1_000_000 - age, 1_000_000 - age))
    folder = jit._prepare_cache()
    assert folder == root / jit.sources_digest()
    assert sorted(p.name for p in root.iterdir()) == sorted([folder.name, "old0", "old1", "old2", "old3"])
    assert jit._prepare_cache() == folder


def test_cache_is_cold_until_something_is_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "CACHE_FOLDER", tmp_path)
    assert jit.cache_is_cold() is not JIT_DISABLED
    (tmp_path / "market").mkdir()
    (tmp_path / "market" / "kernel.nbc").touch()
    assert jit.cache_is_cold() is False


@pytest.mark.skipif(JIT_DISABLED, reason="plain Python has no compiled code")
def test_compiled_functions_divide_as_numpy_does():
    @njit
    def divide(a, b):
        return a / b

    assert divide(1.0, 0.0) == math.inf
    assert math.isnan(divide(0.0, 0.0))


KERNEL = """
from intraday_rl.core.jit import model, njit

@model
def answer(params, scale):
    raise NotImplementedError

@njit
def ask(params, scale):
    return answer(params, scale)
"""
RULE = """
from typing import NamedTuple
from kernel import answer, ask
from intraday_rl.core import structs

class Rule(NamedTuple):
    weight: float

@answer.model.implement(Rule)
def rule(params, scale):
    return {} * params.weight * scale

print(ask(structs.pack(Rule(1.0))[0], 1.0))
"""


@pytest.mark.skipif(JIT_DISABLED, reason="plain Python has no compiled code")
def test_rule_outside_the_package_is_never_stale(tmp_path):
    """The kernel's file and the package stay as they are, only the user's own rule changes."""
    (tmp_path / "kernel.py").write_text(KERNEL)
    answers = []
    for factor in (2.0, 3.0):
        (tmp_path / "rule.py").write_text(RULE.format(factor))
        path = os.pathsep.join([str(tmp_path), str(jit.PACKAGE.parent)])
        environment = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, str(tmp_path / "rule.py")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answers.append(float(done.stdout))
    assert answers == [2.0, 3.0]


@njit
def total(array, weight):
    result = 0.0
    for n in range(array.shape[0]):
        prefetch(array, n)
        result += weight * array[n].radius
    return result


@njit
def total_of_rows(array):
    result = 0.0
    for n in range(array.shape[0]):
        prefetch(array, n)
        result += array[n, 0]
    return result


def test_entry_and_prefetch_change_no_result():
    circles = structs.empty(Circle, 3)
    circles["radius"] = [1.0, 2.0, 4.0]
    direct = jit.entry(total, circles, 1.0)
    assert direct(circles, 0.5) == total(circles, 0.5) == 3.5
    assert total_of_rows(np.array([[1.0, 9.0], [2.0, 9.0]], dtype=np.float32)) == 3.0


def test_cache_that_cannot_be_written_is_a_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    folder = jit._prepare_cache()
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path / "cache")
