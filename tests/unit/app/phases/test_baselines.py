"""Frozen baselines: whole or not at all, never overwritten, and able to say what was changed."""

import json
import subprocess

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.command_line.tools import main
from intraday_rl.app.phases import baselines
from intraday_rl.core.errors import BundleError, ConfigError
from tests.support.bundles import CONFIG, save_example

METRICS = {
    "net_return": 0.0128,
    "sharpe_ratio": 1.5,
    "num_round_trips": 307,
    "pf_undefined": False,
    "calmar_ratio": None,
}
VERSIONS = {"numpy": "2.3.1", "torch": "2.9.0"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder with an example bundle, and a place for baselines of its own."""
    monkeypatch.setattr(baselines, "BASELINES", tmp_path / "baselines")
    monkeypatch.setattr(baselines, "package_versions", lambda: VERSIONS)
    monkeypatch.setattr(baselines.shutil, "which", lambda name: None)
    folder = tmp_path / "run"
    save_example(folder / "bundle")
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    return folder


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_baseline_holds_bundle_configuration_packages_and_metrics(run):
    (run / "phase.json").write_text("{}\n")
    place = baselines.freeze(run, "first")
    bundle = [f"bundle/{name}" for name in files_of(run / "bundle")]
    texts = ["config.yaml", "metrics.txt", "phase.json", "requirements_baseline.txt", "SHA256SUMS"]
    assert files_of(place) == sorted([*bundle, *texts])
    assert (place / "requirements_baseline.txt").read_text() == "numpy==2.3.1\ntorch==2.9.0\n"
    assert baselines.OmegaConf.to_container(baselines.OmegaConf.load(place / "config.yaml")) == CONFIG
    lines = (place / "metrics.txt").read_text(encoding="ascii").splitlines()
    assert lines == [
        "net_return: 0.0128",
        "sharpe_ratio: 1.5",
        "num_round_trips: 307",
        "pf_undefined: false",
        "calmar_ratio: undefined",
    ]
    assert [path.name for path in place.parent.iterdir()] == ["first"]  # nothing is left beside it


def test_checksums_are_those_of_sha256sum(run):
    place = baselines.freeze(run, "first")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_check_names_what_was_changed_added_and_removed(run):
    place = baselines.freeze(run, "first")
    assert baselines.check("first") == []
    (place / "metrics.txt").write_text("net_return: 9\n")
    (place / "notes.txt").write_text("mine\n")
    (place / "bundle" / "policy.json").unlink()
    assert baselines.check("first") == [
        "bundle/policy.json is missing",
        "metrics.txt was changed",
        "notes.txt was added",
    ]


@pytest.mark.parametrize(
    ("net_return", "sharpe", "flagged"),
    [(0.0128, -2.23, True), (-0.0128, -2.23, False), (0.0128, 2.23, False), (0.0128, None, False), (0.0, -1.0, False)],
)
def test_a_gain_beside_a_negative_sharpe_ratio_is_flagged(net_return, sharpe, flagged):
    text = baselines.metrics_text({"net_return": net_return, "sharpe_ratio": sharpe})
    assert text.endswith("\ninconsistent: true\n") == flagged


def test_an_existing_baseline_is_never_overwritten(run):
    place = baselines.freeze(run, "first")
    before = (place / "SHA256SUMS").read_bytes()
    with pytest.raises(ConfigError, match="baseline first exists already"):
        baselines.freeze(run, "first")
    assert (place / "SHA256SUMS").read_bytes() == before


def test_what_is_no_run_folder_is_refused(run, tmp_path):
    with pytest.raises(ConfigError, match=r"is no run folder: bundle is not there"):
        baselines.freeze(tmp_path, "first")
    (run / "metrics.json").unlink()
    with pytest.raises(ConfigError, match=r"is no run folder: metrics.json is not there"):
        baselines.freeze(run, "first")
    assert not baselines.BASELINES.exists()


def test_a_bundle_that_does_not_verify_is_refused(run):
    (run / "bundle" / "policy.json").write_text("{}")
    with pytest.raises(BundleError, match=r"policy.json was changed"):
        baselines.freeze(run, "first")
    assert not baselines.BASELINES.exists()


def test_an_interrupted_freeze_leaves_nothing(run, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(baselines, "hash_file", stop)
    with pytest.raises(KeyboardInterrupt):
        baselines.freeze(run, "first")
    assert list(baselines.BASELINES.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "-x", "a..b", "a.lock", "end.", "naïve", "a b"])
def test_impossible_names_are_refused(run, name):
    with pytest.raises(ConfigError, match="a baseline's name must be of letters"):
        baselines.freeze(run, name)


def test_tag_names_the_commit(run, tmp_path, monkeypatch):
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.setattr(baselines, "PROJECT", repository)
    with pytest.raises(ConfigError, match="--tag needs a git repository"):
        baselines.freeze(run, "first", tag=True)
    assert not baselines.BASELINES.exists()

    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=repository, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "x")
    baselines.freeze(run, "plain")
    assert git("tag") == ""
    baselines.freeze(run, "first", tag=True)
    assert git("rev-parse", "baseline_first") == git("rev-parse", "HEAD")
    git("tag", "baseline_second")
    with pytest.raises(ConfigError, match="git has a tag baseline_second already"):
        baselines.freeze(run, "second", tag=True)


def test_conda_describes_its_environment_where_it_is_there(run, tmp_path, monkeypatch):
    conda = tmp_path / "conda"
    conda.write_text('#!/bin/sh\necho "$@" > ' + str(tmp_path / "asked") + "\necho 'name: trading'\n")
    conda.chmod(0o755)
    monkeypatch.setattr(baselines.shutil, "which", lambda name: str(conda))
    place = baselines.freeze(run, "first")
    assert (place / "environment.yaml").read_text() == "name: trading\n"
    assert (tmp_path / "asked").read_text() == "env export\n"
    conda.write_text("#!/bin/sh\nexit 1\n")
    assert "environment.yaml" not in files_of(baselines.freeze(run, "second"))


def test_command_freezes_and_checks(run, capsys):
    assert main(["freeze", str(run), "first"]) == 0
    assert main(["freeze", "--check", "first"]) == 0
    assert "baseline first is as it was frozen" in capsys.readouterr().out
    (baselines.BASELINES / "first" / "metrics.txt").write_text("x")
    assert main(["freeze", "--check", "first"]) == 1
    assert capsys.readouterr().out == "metrics.txt was changed\n"
    with pytest.raises(ConfigError, match=r"there is no baseline second .*; there are: first"):
        main(["freeze", "--check", "second"])


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "name", "--check", "x"], ["--check", "x", "--tag"]])
def test_command_takes_a_run_and_a_name_or_a_check(arguments, capsys):
    with pytest.raises(SystemExit):
        main(["freeze", *arguments])
    assert "give RUN and NAME, or --check NAME alone" in capsys.readouterr().err


def test_legacy_baseline_is_kept_as_quoted():
    lines = (PROJECT / "docs" / "baselines" / "legacy.txt").read_text(encoding="ascii").splitlines()
    pairs = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    assert pairs == {
        "total_return_pct": "1.28",
        "sharpe_ratio": "-2.23",
        "max_drawdown_pct": "2.64",
        "turnover_ratio": "5.90",
        "turnover_per_session": "5.90",
        "win_rate_pct": "34.25",
        "num_trades": "307",
        "total_bars": "20000",
        "inconsistent": "true",
    }
