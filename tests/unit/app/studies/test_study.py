"""study.yaml: what is read, and one line for everything that is wrong with it."""

import re

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.studies.study import Optimum, read_study
from intraday_rl.core.errors import ConfigError
from tests.support.study_runs import make_study

OPTIMUM = {"metric": "session_pnl_usd", "scale": 0.01, "value": 2.484, "unit": "USD per share and session"}


def test_study_is_read_as_it_is_written(tmp_path):
    study = make_study(tmp_path / "which", question="Which\n one?  ", optimum=OPTIMUM)
    assert study.name == "which"
    assert study.folder == tmp_path / "which"
    assert study.question == "Which one?"
    assert study.shared == ("data=simulated",)
    assert study.folds == {"spring": ("data.source.seed=1",), "autumn": ("data.source.seed=2",)}
    assert study.seeds == (0, 1)
    assert study.rows == {"ppo": ("algo=ppo",), "small": ("algo=ppo", "algo.parameters.num_envs=4")}
    assert study.columns == ("profit_factor", "net_return", "num_round_trips")
    assert study.optimum == Optimum("session_pnl_usd", 0.01, 2.484, "USD per share and session")


def test_study_needs_no_optimum_and_folds_may_change_nothing(tmp_path):
    study = make_study(tmp_path, folds={"as_composed": []})
    assert study.optimum is None
    assert study.folds == {"as_composed": ()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": [1]}, r"unknown key seed \(did you mean seeds\?\); the keys are question, shared"),
        ({"seeds": None}, "seeds is missing"),
        ({"question": 3}, "question must be a text, was 3"),
        ({"shared": "algo=ppo"}, r"shared must be a list of overrides, such as \[algo=ppo\], was 'algo=ppo'"),
        ({"folds": {}}, "folds must give each name a list of overrides"),
        ({"folds": {"a": [1]}}, r"folds\.a must be a list of overrides"),
        ({"rows": {"a/b": []}}, r"rows\.a/b must be named with letters"),
        ({"rows": {"..": []}}, r"rows\.\.\. must be named with letters"),
        ({"rows": {True: []}}, r"rows\.True must be named with letters"),
        ({"rows": {"a": ["seed=3"]}}, r"rows\.a must leave seed, .* to the study, was 'seed=3'"),
        ({"shared": ["+tracking.study=x"]}, "shared must leave"),
        ({"seeds": [0, 0]}, r"seeds must be a list of different whole numbers >= 0.* was \[0, 0\]"),
        ({"seeds": [True]}, "seeds must be"),
        ({"seeds": [-1]}, "seeds must be"),
        ({"seeds": []}, "seeds must be"),
        ({"columns": ["profit_faktor"]}, r"there is no metric profit_faktor \(did you mean profit_factor\?\)"),
        ({"columns": ["pf_undefined"]}, "pf_undefined is a yes or no and has no mean"),
        ({"columns": []}, "columns must be a list of metrics"),
        ({"optimum": {"metric": "session_pnl_usd"}}, r"optimum\.scale is missing"),
        ({"optimum": OPTIMUM | {"value": 0}}, r"optimum\.value must be a number > 0, was 0"),
        ({"optimum": OPTIMUM | {"unit": 1}}, r"optimum\.unit must be a text"),
        ({"optimum": OPTIMUM | {"metric": "net_return"}}, r"optimum\.metric must be a mean over sessions"),
    ],
)
def test_wrong_studies_are_refused_by_key(tmp_path, changes, words):
    with pytest.raises(ConfigError, match=f"^{re.escape(str(tmp_path))}/study.yaml: .*{words}") as refused:
        make_study(tmp_path, **changes)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows: {a: [], a: [x=1]}\n", "is not YAML: a stands twice"),
        ("rows: [\n", "is not YAML: while parsing"),
        ("question: !!python/object/apply:os.getcwd []\n", "is not YAML: could not determine a constructor"),
        ("just words\n", "must have the keys question, shared"),
    ],
)
def test_files_that_are_no_study_are_refused(tmp_path, text, words):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words) as refused:
        read_study(tmp_path)
    assert "\n" not in str(refused.value)


def test_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"study.yaml cannot be read \(No such file or directory\); give the folder"):
        read_study(tmp_path / "nowhere")


def test_studies_of_the_project_can_be_read():
    studies = {file.parent.name: read_study(file.parent) for file in (PROJECT / "experiments").glob("*/study.yaml")}
    assert {"three_way_comparison", "ou_oracle", "lq_oracle"} <= set(studies)
    assert studies["ou_oracle"].optimum.value == 2.484
    assert studies["lq_oracle"].optimum.value == 2.084
