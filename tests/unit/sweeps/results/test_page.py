"""The page: its first line, its sections with much, little and no data, and what a browser draws of it."""

import json
import re
from dataclasses import replace

import optuna
import pytest

from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.results.figures.parameters import importances, short_names
from intraday_rl.sweeps.results.page import page, write_page
from intraday_rl.sweeps.results.records import FAILED, INFEASIBLE, RUNNING, STOPPED_EARLY, Candidate
from intraday_rl.sweeps.results.sections import counts, headline, selection_bias, shrinkage
from intraday_rl.sweeps.results.summary import objective_value
from tests.support.browser import browser_dump
from tests.unit.sweeps.results.sweeps import OBJECTIVES, record, results_of, sweep, write_run

HOSTILE = "</script><script>alert('x')</script><img src=http://evil.example/a.png> & \"q\" $E$"
ONE = (Objective("sharpe_ratio", "maximize", None, -5.0),)
F1_F2 = (Objective("f1", "minimize", None, 1.1), Objective("f2", "minimize", None, 1.1))
SCORE = {"x": optuna.distributions.FloatDistribution(0.0, 1.0), "y": optuna.distributions.FloatDistribution(0.0, 1.0)}


def figures(text):
    return json.loads(re.search(r'<script id="report-data" type="application/json">(.*?)</script>', text)[1])


def command_trials(count):
    """Trials of a plain command: x matters for f1, y for f2, and nothing has a run folder."""
    points = [((7 * n % count) / count, (3 * n % count) / count) for n in range(count)]
    return [record(n, (x, 1 - y), params={"x": x, "y": y}) for n, (x, y) in enumerate(points)]


def trial_with(folder, number, net_return_usd):
    write_run(folder / str(number), [[net_return_usd]], [[net_return_usd]])
    return record(number, (1.0 + number, 0.01, 0.01), folders=[folder / str(number)])


def test_headline_says_a_loss_plainly(tmp_path):
    results = results_of([trial_with(tmp_path, 0, -90.0), trial_with(tmp_path, 1, -42.0)])
    expected = "2 trials, 1 on the front: a loss on validation, the best net return is -0.42%"
    assert headline(results) == expected
    assert '<h1 class="loss">' in page(results)


def test_headline_never_calls_the_best_of_many_a_profit(tmp_path):
    results = results_of([trial_with(tmp_path, 0, 120.0)])
    expected = "1 trial, 1 on the front: the best net return on validation is +1.20%, before the bias of choosing it"
    assert headline(results) == expected
    assert '<h1 class="none">' in page(results)
    lost = replace(results, ensemble_test={"net_return": -0.003})
    assert headline(lost) == f"{expected}; the ensemble lost 0.30% on test"
    assert '<h1 class="loss">' in page(lost)
    assert headline(replace(results, ensemble_test={"net_return": 0.002})).endswith("had a net return of 0.20% on test")


def test_counts_name_every_state():
    values = (1.0, 0.1, 0.1)
    states = [INFEASIBLE, STOPPED_EARLY, FAILED, FAILED, RUNNING]
    others = [record(n, values if state == INFEASIBLE else None, state) for n, state in enumerate(states, start=1)]
    assert counts(results_of([record(0, values), *others])) == (
        "1 feasible, 1 infeasible, 1 stopped early, 2 failed, 1 running"
    )
    assert headline(results_of(others)) == "5 trials, 0 on the front: no trial is complete and feasible"


def test_page_of_an_empty_study_says_what_is_missing(tmp_path):
    write_page(results_of([]), tmp_path / "pareto.html")
    text = (tmp_path / "pareto.html").read_text()
    assert figures(text) == {}
    assert "0 trials, 0 on the front: no trial is complete and feasible" in text
    assert "The boxes are left out: no trial is complete and feasible." in text
    assert "No trial has been trained again with fresh seeds yet" in text
    assert [path.name for path in tmp_path.iterdir()] == ["pareto.html"]


def test_page_of_one_failed_trial_shows_its_reason():
    text = page(results_of([record(0, None, FAILED, reason=HOSTILE)]))
    assert "&lt;/script&gt;&lt;script&gt;alert" in text
    assert list(figures(text)) == ["hypervolume"]


def test_page_of_a_single_objective_shows_its_history():
    records = [record(n, (value,), params={"x": 0.5, "y": 0.5}) for n, value in enumerate((0.2, 0.9, 0.4))]
    text = page(results_of(records, ONE, SCORE))
    drawn = figures(text)
    assert set(drawn) == {"history", "parallel"}
    assert drawn["history"]["data"][-1]["y"] == [0.2, 0.9, 0.9]
    assert "3 trials, 1 on the front: the best has sharpe_ratio 0.9" in text


def test_page_of_a_plain_command_leaves_boxes_and_overfitting_out_with_a_reason():
    text = page(results_of(command_trials(20), F1_F2, SCORE))
    drawn = figures(text)
    assert set(drawn) == {"pair_0_1", "hypervolume", "parallel", "importance"}
    assert "The boxes are left out: f1 cannot be computed anew from drawn sessions." in text
    assert "not known: 0 feasible trials with session returns, two are needed" in text
    assert "python train.py --replay 0" in text


def test_page_escapes_and_loads_nothing():
    key = f"algo.{HOSTILE}"
    dimensions = {key: optuna.distributions.CategoricalDistribution([HOSTILE, "b"])}
    records = [record(n, (n / 3, 1 - n / 3), params={key: (HOSTILE, "b")[n % 2]}) for n in range(3)]
    text = page(results_of(records, F1_F2, dimensions, study_name=HOSTILE, replay_commands={0: HOSTILE}))
    own = re.sub(r"<script>/\*\*.*?</script>", "", text, flags=re.DOTALL)
    assert "<img" not in own
    assert "alert('x')</script>" not in own
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", own)


def test_importance_finds_the_parameter_that_decides():
    study = results_of(command_trials(40), F1_F2, SCORE).study
    assert importances(study, 0, F1_F2[0])["x"] > 0.8
    assert importances(study, 1, F1_F2[1])["y"] > 0.8
    assert sum(importances(study, 0, F1_F2[0]).values()) == pytest.approx(1.0)
    assert importances(results_of(command_trials(9), F1_F2, SCORE).study, 0, F1_F2[0]) == {}


def test_importance_of_a_maximized_objective_looks_at_large_values():
    """The large values are decided by x alone, the small ones by y among the small x."""
    points = [(n / 40, (7 * n % 40) / 40) for n in range(40)]
    records = [
        record(n, (x - 0.5 if x > 0.5 else min(y - 0.5, 0.0),), params={"x": x, "y": y})
        for n, (x, y) in enumerate(points)
    ]
    assert importances(results_of(records, ONE, SCORE).study, 0, ONE[0])["x"] > 0.8


def test_short_names_stay_apart():
    assert short_names(["algo.lr", "reward.a.weight", "reward.b.weight"]) == [
        "lr",
        "reward.a.weight",
        "reward.b.weight",
    ]


def test_objective_value_is_capped_and_defined():
    profit_factor, max_drawdown, _ = OBJECTIVES
    assert objective_value({"profit_factor": 1.3}, profit_factor) == 1.3
    assert objective_value({"profit_factor": 31.0}, profit_factor) == 10.0
    assert objective_value({"profit_factor": None, "pf_undefined": True}, profit_factor) == 10.0
    assert objective_value({"profit_factor": None, "pf_undefined": False}, profit_factor) == 0.0
    assert objective_value({"max_drawdown": None}, max_drawdown) == 0.05


def test_shrinkage_is_a_ratio_only_above_zero():
    assert shrinkage(1.25, 1.0) == "0.80"
    assert shrinkage(0.01, -0.02) == "-2.00"
    assert shrinkage(-0.01, -0.02) == shrinkage(0.0, 0.1) == shrinkage(1.0, float("nan")) == "n/a"


def test_candidates_are_compared_over_their_seeds():
    seeds = [{"profit_factor": 1.0, "max_drawdown": 0.02, "tail_drawdown": 0.01, "net_return": 0.01},
             {"profit_factor": 1.5, "max_drawdown": 0.04, "tail_drawdown": 0.01, "net_return": 0.03}]  # fmt: skip
    test = [{**one, "profit_factor": one["profit_factor"] / 2, "net_return": -0.01} for one in seeds]
    candidate = Candidate(0, {}, (1.25, 0.03, 0.01), True, tuple(seeds), tuple(test), (), True)
    results = results_of([record(0, (2.0, 0.01, 0.01))], candidates=(candidate,))
    text = page(results)
    row = re.search(r"<td>profit factor</td>(.*?)</tr>", text)[1]
    assert re.findall(r">([^<]+)</td>", row) == ["1.25", "1 to 1.5", "0.625", "0.5 to 0.75", "0.50"]
    row = re.search(r"<td>net return</td>(.*?)</tr>", text)[1]
    assert re.findall(r">([^<]+)</td>", row) == ["2.00%", "1.00% to 3.00%", "-1.00%", "-0.50"]
    drawn = figures(text)["comparison"]["data"]
    assert drawn[0]["y"] == [1.25]
    assert drawn[0]["error_y"]["array"] == drawn[0]["error_y"]["arrayminus"] == [0.25]
    untested = replace(candidate, test=())
    assert "comparison" not in figures(page(replace(results, candidates=(untested,))))


def test_selection_bias_states_what_is_not_known():
    text = selection_bias(results_of([record(0, (1.0, 0.1, 0.1))]))
    assert re.findall(r"<dd>(not \w+)", text) == ["not counted", "not counted", "not known", "not known"]
    text = selection_bias(results_of([], num_counted=1212, num_counted_on_test=7, deflated_sharpe=0.0312))
    assert re.findall(r"<dd>([\d,]+) models and checkpoints", text) == ["1,212", "7"]
    assert "0.031: on the validation sessions" in text


def test_verdict_stands_in_the_headline_and_beside_the_test():
    ensemble = {"net_return": -0.0123, "profit_factor": 0.9, "max_drawdown": 0.02, "tail_drawdown": 0.01}
    fields = {"ensemble_validation": ensemble, "ensemble_test": ensemble, "verdict": "fail: G1 is <too> low"}
    candidate = Candidate(0, {}, (1.0, 0.01, 0.01), True, (ensemble,), (ensemble,), (), True)
    results = results_of([record(0, (1.0, 0.01, 0.01))], candidates=(candidate,), **fields)
    assert headline(results).endswith("the ensemble lost 1.23% on test: fail")
    assert "fail: G1 is &lt;too&gt; low" in page(results)


def test_commands_of_the_ensemble_are_on_the_page():
    results = results_of([record(0, (1.0, 0.01, 0.01))], member_commands=("python train.py a=1", "python -m b"))
    assert "python train.py a=1\npython -m b" in page(results)


@pytest.mark.slow
def test_browser_draws_every_figure_without_a_complaint(tmp_path):
    probe = """<script>
    document.getElementById("theme").click();
    const plots = [...document.querySelectorAll(".js-plotly-plot")];
    const marks = plots.map((plot) => plot.id.slice(7) + ":" + plot.querySelectorAll("path, canvas").length);
    const lines = document.getElementById("figure-parallel");
    const front = lines.data[3], layout = lines._fullLayout, area = lines.querySelector(".nsewdrag");
    area.scrollIntoView();
    const corner = area.getBoundingClientRect();
    const at = { bubbles: true, clientX: corner.left + layout.xaxis.c2p(front.x[3]),
      clientY: corner.top + layout.yaxis.c2p(front.y[3]) };
    for (const kind of ["mouseover", "mousemove"]) area.dispatchEvent(new MouseEvent(kind, at));
    const picked = lines.data[lines.data.length - 1].x.length;
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    document.title = "probe " + [root.className, picked, wide].join(" ") + " " + marks.join(" ");
    </script></body>"""
    text = page(sweep(tmp_path / "runs"))
    path = tmp_path / "pareto.html"
    path.write_text(text.replace("</body>\n</html>", f"{probe}\n</html>"), encoding="utf-8")
    dom, console = browser_dump(path, tmp_path / "profile")
    assert [line for line in console if "WebGL" not in line and "Canvas2D" not in line] == []  # of the browser itself
    theme, picked, wide, *plots = re.search(r"<title>probe (.*?)</title>", dom)[1].split(" ")
    assert (theme, picked, wide) == ("dark", "7", "false")  # 4 parameters and 3 objectives; no scroll bar below
    drawn = dict(plot.split(":") for plot in plots)
    pairs = {"pair_0_1", "pair_0_2", "pair_1_2"}
    assert set(drawn) == {"space", *pairs, "hypervolume", "parallel", "importance", "boxes", "comparison"}
    assert all(int(count) > 3 for name, count in drawn.items())
