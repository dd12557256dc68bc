"""Where a run comes from: its manifest, written when it begins, extended and compared when it goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intraday_rl.app.build import PROJECT
from intraday_rl.app.market_data import MarketData
from intraday_rl.app.resuming.places import MANIFEST
from intraday_rl.core.errors import ConfigError, DataError
from intraday_rl.tracking import collect_manifest, write_manifest

Manifest = dict[str, Any]

SHORT = 12  # characters of a digest that are shown
OF_GIT = ("commit", "branch", "dirty")
OF_PROCESS = ("started", "command", "host", "pid")
OF_MACHINE = {"python": "Python", "platform": "the platform"}  # key of a manifest -> in words

LOG = logging.getLogger(__name__)


def begin_manifest(config: Mapping[str, Any], data: MarketData, run_folder: Path, overrides: Sequence[str]) -> Manifest:
    """Write and return the manifest of a run that begins."""
    manifest = collect_manifest(PROJECT, config, {"seed": config["seed"]}, data.fingerprint)
    manifest |= {"overrides": list(overrides), "filled_gaps": data.gaps()}
    write_manifest(manifest, run_folder / MANIFEST)
    return manifest


def read_manifest(data: MarketData, run_folder: Path) -> Manifest:
    """Return the manifest of a run that goes on.

    Raises:
        ConfigError: the manifest is missing or cannot be used.
        DataError: the data are not those that the run began with.
    """
    path = run_folder / MANIFEST
    try:
        manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
        fingerprint = manifest["data_fingerprint"]
        texts = [manifest["git"]["commit"], *manifest["packages"].values(), *manifest["overrides"]]
        if not all(text is None or isinstance(text, str) for text in (fingerprint, *texts)):
            raise TypeError("something in it is no text")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"resume: {path} cannot be used ({error}); put it back as it was") from error
    if fingerprint != data.fingerprint:
        raise DataError(
            f"resume: the data are not those that the run began with (fingerprint {str(fingerprint)[:SHORT]} there, "
            f"{data.fingerprint[:SHORT]} here); put them back as they were, or start a new run"
        )
    return manifest


def note_resumption(manifest: Manifest, run_folder: Path, step: int) -> None:
    """Add to the manifest that the run goes on, and warn where sources, packages or the machine are others.

    Args:
        manifest: of the run, changed.
        run_folder: of the run.
        step: from which it goes on.
    """
    present = collect_manifest(PROJECT, {}, {}, None)
    packages = manifest["packages"]
    changed = {
        name: present["packages"].get(name)
        for name in sorted({*packages, *present["packages"]})
        if present["packages"].get(name) != packages.get(name)
    }
    entry = {key: present[key] for key in (*OF_PROCESS, *OF_MACHINE)}
    entry |= {"step": step, "git": {key: present["git"][key] for key in OF_GIT}, "packages": changed}
    manifest["resumed"] = [*manifest.get("resumed", []), entry]
    write_manifest(manifest, run_folder / MANIFEST)
    for words in _changes(manifest, present, changed):
        LOG.warning("resume: %s: the results may differ from those of a run that was not interrupted", words)


def _changes(former: Mapping[str, Any], present: Mapping[str, Any], packages: Mapping[str, Any]) -> list[str]:
    """Return what is not as it was, in words."""
    words = []
    was, now = former["git"], present["git"]
    if was["commit"] != now["commit"]:
        words.append(f"the sources are another commit ({_short(now['commit'])}, was {_short(was['commit'])})")
    elif was.get("diff") != now["diff"]:
        words.append("the sources were edited since the run began")
    if packages:
        named = ", ".join(f"{name} {version or 'is gone'}" for name, version in packages.items())
        words.append(f"packages are others than the run began with ({named})")
    words += [
        f"{name} is another one ({present[key]}, was {former.get(key)})"
        for key, name in OF_MACHINE.items()
        if former.get(key) != present[key]
    ]
    return words


def _short(commit: str | None) -> str:
    return str(commit)[:SHORT]
