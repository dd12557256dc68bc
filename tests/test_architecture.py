"""The borders between the layers, and the sizes and names that keep the project readable.

Conventions: a rule is a function of a project folder that returns one line for each violation. Every rule is first
shown to find what is planted in a folder made for it.
"""

import ast
import dataclasses
import importlib
import os
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = "intraday_rl"
LAYERS = ("core", "metrics", "data", "features", "market", "env",
          "agents", "evaluation", "tracking", "sweeps", "live", "app")  # fmt: skip
MAX_LINES, MAX_MODULES = 400, 10
CONFINED = {  # library -> where it may be imported, as the beginning of a path
    "numba": ("intraday_rl/core/jit.py",),
    "hydra": ("intraday_rl/app/", "hydra_plugins/"),
    "omegaconf": ("intraday_rl/app/", "hydra_plugins/"),
}
NOT_SOURCES = re.compile(
    r"\.git|\.venv|\.\w+_cache|__pycache__|\.hypothesis|\.coverage.*|.*\.egg-info|build|runs|mlflow|multirun"
)
# Folders of one machine, and addresses of package indices (written so that this file does not name them itself).
FOREIGN = re.compile(
    r"(?<![\w.])/(?:work|tmp|root|home|opt|mnt)/|\.\./shared\b|pypi[.]org|download[.]pytorch|index-url[= ]+\w+:"
)


def sources(root, suffix=""):
    """Return the files of the project that end in `suffix`; caches, outputs and collected bars are left out."""
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if not NOT_SOURCES.fullmatch(name) and Path(folder, name) != root / "data"]
        found += [Path(folder, name) for name in names if name.endswith(suffix) and not NOT_SOURCES.fullmatch(name)]
    return sorted(found)


def imported_modules(path, root):
    """Yield the dotted name of everything that a file imports, wherever in the file, relative imports resolved."""
    package = path.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*start, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def upward_imports(root):
    found = []
    for path in sources(root, ".py"):
        parts = path.relative_to(root).parts
        if parts[0] != PACKAGE or len(parts) < 3:
            continue
        allowed = LAYERS[: LAYERS.index(parts[1]) + 1] if parts[1] in LAYERS else []
        for module in imported_modules(path, root):
            names = module.split(".")
            if names[0] == PACKAGE and (len(names) < 2 or names[1] not in allowed):
                found.append(f"{'/'.join(parts)} imports {module}")
    return found


def escaped_libraries(root):
    files = [path for path in sources(root, ".py") if path.relative_to(root).parts[0] != "tests"]
    pairs = [(path, module.split(".")[0]) for path in files for module in imported_modules(path, root)]
    places = [(path.relative_to(root).as_posix(), library) for path, library in pairs if library in CONFINED]
    return [f"{place} imports {library}" for place, library in places if not place.startswith(CONFINED[library])]


def long_files(root):
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(root, ".py")}
    return [f"{path.relative_to(root)} has {n} lines" for path, n in lengths.items() if n > MAX_LINES]


def full_folders(root):
    modules = Counter(path.parent for path in sources(root / PACKAGE, ".py") if path.name != "__init__.py")
    return [f"{folder.relative_to(root)} has {n} modules" for folder, n in modules.items() if n > MAX_MODULES]


def packages_without_docstring(root):
    folders = {path.parent for path in sources(root / PACKAGE, ".py")}
    inits = {folder: folder / "__init__.py" for folder in folders}
    return [
        str(folder.relative_to(root))
        for folder, init in inits.items()
        if not init.is_file() or not ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))
    ]


def targets_that_are_no_structs(root):
    files = [path for path in sources(root / "conf", ".yaml") if path.relative_to(root).parts[1] != "hydra"]
    lines = [(path, line) for path in files for line in targets(yaml.safe_load(path.read_text()))]
    return [f"{path.relative_to(root)}: {target}" for path, target in lines if not is_struct(target)]


def targets(node):
    if isinstance(node, list):
        node = dict(enumerate(node))
    if not isinstance(node, dict):
        return []
    return [v for k, v in node.items() if k == "_target_"] + [t for v in node.values() for t in targets(v)]


def is_struct(target):
    module, _, name = target.rpartition(".")
    try:
        struct = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return False
    return hasattr(struct, "_fields") or dataclasses.is_dataclass(struct)


def foreign_names(root):
    texts = {
        path: path.read_bytes().decode("utf-8", errors="ignore") for path in sources(root) if path.suffix != ".png"
    }
    hits = [(path, match) for path, text in texts.items() for match in FOREIGN.finditer(text)]
    return [f"{path.relative_to(root)} names {match[0]}" for path, match in hits]


PLANTED = [
    (upward_imports, "intraday_rl/core/a.py", "def f():\n    from intraday_rl.env import b\n"),
    (upward_imports, "intraday_rl/market/a.py", "from ..app import build\n"),
    (upward_imports, "intraday_rl/env/rewards/a.py", "from intraday_rl import make_env\n"),
    (upward_imports, "intraday_rl/core/a.py", "import intraday_rl\n"),
    (upward_imports, "intraday_rl/unnamed/a.py", "import intraday_rl.core\n"),
    (escaped_libraries, "intraday_rl/env/a.py", "from numba import njit\n"),
    (escaped_libraries, "intraday_rl/agents/a.py", "if TYPE_CHECKING:\n    import omegaconf\n"),
    (escaped_libraries, "train.py", "import hydra.utils\n"),
    (long_files, "tests/a.py", "x = 1\n" * 401),
    (packages_without_docstring, "intraday_rl/core/__init__.py", "x = 1\n"),
    (packages_without_docstring, "intraday_rl/core/a.py", '"""No __init__ beside it."""\n'),
    (targets_that_are_no_structs, "conf/a.yaml", "a: {b: {_target_: intraday_rl.env.rewards.NoSuchTerm}}\n"),
    (targets_that_are_no_structs, "conf/a.yaml", "_target_: os.system\n"),
    (foreign_names, "README.md", "see /" + "tmp/x.txt\n"),
    (foreign_names, "Makefile", "pip install --index-url" + " https://index.example\n"),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_rule_finds_a_planted_violation(tmp_path, rule, path, text):
    assert rule(tmp_path) == []
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert len(rule(tmp_path)) == 1


def test_full_folders_leave_the_init_out(tmp_path):
    folder = tmp_path / PACKAGE
    folder.mkdir()
    for name in ["__init__", *"abcdefghij"]:
        (folder / f"{name}.py").touch()
    assert full_folders(tmp_path) == []
    (folder / "k.py").touch()
    assert full_folders(tmp_path) == [f"{PACKAGE} has 11 modules"]


RULES = [upward_imports, escaped_libraries, long_files, full_folders, packages_without_docstring,
         targets_that_are_no_structs, foreign_names]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_project_keeps(rule):
    assert rule(PROJECT) == []
