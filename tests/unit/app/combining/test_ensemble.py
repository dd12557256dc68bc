"""`python -m intraday_rl ensemble`: what it writes and says, and what it refuses."""

import shlex

import numpy as np
import pytest

from intraday_rl.agents import load_bundle
from intraday_rl.app.command_line.tools import main
from intraday_rl.core.errors import BundleError, ConfigError
from tests.support.bundles import change_json, change_manifest, observations, save_example, sign_again


@pytest.fixture
def runs(tmp_path):
    """Two runs with different networks."""
    folders = []
    for seed in (0, 1):
        folder = tmp_path / f"run{seed}" / "bundle"
        folder.parent.mkdir()
        save_example(folder, seed=seed)
        change_json(folder / "config.json", "algo", value={"name": "ppo"})
        sign_again(folder)
        change_manifest(folder, "seen_sessions", {"training": "a", "validation": "b"})
        folders.append(str(folder.parent))
    return folders


def test_command_writes_a_bundle_and_says_how_to_judge_it(runs, tmp_path, capsys):
    out = tmp_path / "new" / "both"
    assert main(["ensemble", *runs, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "ensemble of 2 (ActorCriticPolicy, ActorCriticPolicy)" in said
    assert f"python evaluate.py run={out}" in said
    assert [path.name for path in out.iterdir()] == ["bundle"]
    bundle = load_bundle(out)
    assert len(np.unique(bundle.predict(observations())[0])) == 3


def test_said_command_can_be_pasted_into_a_shell(runs, tmp_path, capsys):
    out = tmp_path / "both of them"
    assert main(["ensemble", *runs, "--out", str(out)]) == 0
    command = capsys.readouterr().out.partition("judge it: ")[2]
    assert shlex.split(command) == ["python", "evaluate.py", f"run={out}"]


def test_folder_with_a_bundle_is_not_overwritten(runs, tmp_path):
    before = (tmp_path / "run0" / "bundle" / "policy.npz").read_bytes()
    with pytest.raises(ConfigError, match="has a bundle already; name a new folder"):
        main(["ensemble", *runs, "--out", runs[0]])
    assert (tmp_path / "run0" / "bundle" / "policy.npz").read_bytes() == before


def test_folder_that_cannot_be_made_is_refused_in_one_line(runs, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        main(["ensemble", *runs, "--out", str(tmp_path / "file" / "both")])
    assert "\n" not in str(caught.value)


def test_run_that_is_not_there_is_refused(runs, tmp_path):
    with pytest.raises(BundleError, match="no bundle is there"):
        main(["ensemble", runs[0], str(tmp_path / "nowhere"), "--out", str(tmp_path / "both")])
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize("arguments", [["ensemble"], ["ensemble", "--out", "x"], ["ensemble", "a", "b"]])
def test_command_without_runs_or_folder_ends_with_status_two(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: python -m intraday_rl ensemble" in capsys.readouterr().err
