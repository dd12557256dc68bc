"""The manifest of a run that goes on: kept, extended, and compared with what is there now."""

import json
import logging
from types import SimpleNamespace

import pytest

from intraday_rl.app.resuming import origin
from intraday_rl.app.resuming.origin import note_resumption, read_manifest
from intraday_rl.core.errors import ConfigError, DataError

GIT = {"commit": "abc" * 14, "branch": "main", "dirty": True, "diff": "a change"}
MANIFEST = {
    "data_fingerprint": "f" * 64,
    "git": GIT,
    "packages": {"torch": "1.0", "gone": "2.0"},
    "overrides": ["seed=1"],
    "python": "3.11.1",
    "platform": "Linux-1",
}
DATA = SimpleNamespace(fingerprint="f" * 64)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    return tmp_path


def present(monkeypatch, **changes):
    """Let the sources and packages be these."""
    facts = {name: MANIFEST[name] for name in ("git", "packages", "python", "platform")}
    facts |= {"started": "now", "command": ["x"], "host": "h", "pid": 1}
    monkeypatch.setattr(origin, "collect_manifest", lambda *_: facts | changes)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_manifest_of_the_run_is_taken_as_it_is(folder):
    assert read_manifest(DATA, folder) == MANIFEST


def test_other_data_are_refused(folder):
    with pytest.raises(DataError, match=r"resume: the data are not those .* ffffffffffff there, 000000000000 here"):
        read_manifest(SimpleNamespace(fingerprint="0" * 64), folder)


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", json.dumps(MANIFEST | {"overrides": [1]})])
def test_manifest_that_cannot_be_used_is_one_line(folder, text):
    path = folder / "manifest.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_manifest(DATA, folder)
    assert str(caught.value).startswith(f"resume: {path} cannot be used (")
    assert "\n" not in str(caught.value)


def test_each_resumption_is_noted(folder, monkeypatch, caplog):
    present(monkeypatch)
    manifest = read_manifest(DATA, folder)
    for step in (100, 300):
        note_resumption(manifest, folder, step)
    written = json.loads((folder / "manifest.json").read_text())
    assert {name: value for name, value in written.items() if name != "resumed"} == MANIFEST
    assert [entry["step"] for entry in written["resumed"]] == [100, 300]
    assert written["resumed"][0]["git"] == {"commit": "abc" * 14, "branch": "main", "dirty": True}
    assert (written["resumed"][0]["python"], written["resumed"][0]["platform"]) == ("3.11.1", "Linux-1")
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"git": GIT | {"commit": "def" * 14}}, "another commit (defdefdefdef, was abcabcabcabc)"),
        ({"git": GIT | {"diff": ""}}, "the sources were edited since the run began"),
        ({"packages": {"torch": "1.1", "new": "3"}}, "the run began with (gone is gone, new 3, torch 1.1)"),
        ({"python": "3.12.0"}, "Python is another one (3.12.0, was 3.11.1)"),
        ({"platform": "Linux-2"}, "the platform is another one (Linux-2, was Linux-1)"),
    ],
)
def test_other_sources_and_packages_are_warned_of(folder, monkeypatch, caplog, changes, words):
    present(monkeypatch, **changes)
    note_resumption(read_manifest(DATA, folder), folder, 100)
    (line,) = warnings_of(caplog)
    assert words in line
    assert "may differ" in line
