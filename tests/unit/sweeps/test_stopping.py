import math

import pytest

from intraday_rl.core.errors import IntradayError
from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.outcomes import Outcome
from intraday_rl.sweeps.stopping import BelowQuantile, Median, Never, best_until
from tests.support.small_studies import definition, open_study, records

RULE = BelowQuantile(0.5, 0.25, 4)
FINISHED = [[(50.0, value), (100.0, 9.0)] for value in (1.0, 2.0, 3.0, 5.0)]  # at 50: the quarter is 1.75


def reason(curve, finished=FINISHED, rule=RULE):
    return rule.reason(None, curve, finished, 100.0)


def test_never_is_never():
    assert Never().reason(None, [(99.0, -1e9)], FINISHED, 100.0) is None
    assert Never().pruner() is None


def test_trial_below_the_quantile_at_its_step_is_stopped_with_the_numbers():
    words = reason([(25.0, 1.0), (50.0, 1.74)])
    assert words == "best validation result 1.74 at step 50 is below the 25% quantile 1.75 of 4 trials that came as far"


@pytest.mark.parametrize(
    "curve",
    [
        [(50.0, 1.75)],  # at the quantile
        [(25.0, 4.0), (50.0, 0.0)],  # its best so far counts
        [(49.0, -9.0)],  # before half of its steps
        [],
    ],
    ids=str,
)
def test_trial_goes_on(curve):
    assert reason(curve) is None


def test_quantile_is_of_what_others_had_by_that_step():
    assert reason([(75.0, 1.7)]) is not None
    assert reason([(100.0, 8.0)]) is not None  # by 100 all had 9
    assert reason([(99.0, 8.0)]) is None


def test_too_few_finished_trials_stop_nothing():
    assert reason([(50.0, -9.0)], FINISHED[:3]) is None


def test_finished_trials_without_a_number_by_that_step_do_not_count():
    late = [[(90.0, 1.0)], [(90.0, 1.0)]]
    assert reason([(50.0, 1.8)], [*late, *FINISHED]) is None
    assert reason([(50.0, 1.7)], [*late, *FINISHED]) is not None
    assert reason([(50.0, -9.0)], [*late, *FINISHED[:3]]) is None


def test_stopped_trials_count_as_far_as_they_came():
    stopped = [[(50.0, 100.0), (60.0, 100.0)]] * 4
    assert reason([(55.0, 1.8)], [*stopped, *FINISHED]) is not None  # the quarter of all eight is 2.75
    assert reason([(75.0, 1.8)], [*stopped, *FINISHED]) is None


def test_best_until_a_step():
    assert best_until([(1.0, 2.0), (2.0, 5.0), (3.0, 9.0)], 2.0) == 5.0
    assert best_until([(1.0, 2.0)], 0.5) == -math.inf


@pytest.mark.parametrize(
    "rule",
    [
        BelowQuantile(1.5, 0.25, 4),
        BelowQuantile(0.5, -0.1, 4),
        BelowQuantile(0.5, 0.25, 1),
        Median(-1, 0),
        Median(0, -1),
    ],
    ids=str,
)
def test_impossible_numbers_are_refused(rule):
    with pytest.raises(IntradayError, match=r"hparams.early_stop"):
        rule.check()


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1.0), ("minimize", -1.0)])
def test_median_prunes_what_is_below_the_median_of_finished_trials(tmp_path, direction, sign):
    rule = Median(3, 20)
    what = definition(objectives=(Objective("f", direction, None, 0.0),))
    study = open_study(tmp_path, what, 10, pruner=rule.pruner())
    for value in (1.0, 2.0, 3.0):
        trial = study.propose()
        assert rule.reason(trial, [(10.0, value), (30.0, value)], [], 100.0) is None  # too few are finished
        study.complete(trial, Outcome((sign * value,), {}), {})
    trial = study.propose()
    assert rule.reason(trial, [], [], 100.0) is None
    assert rule.reason(trial, [(10.0, 0.0)], [], 100.0) is None  # in the warm-up
    assert rule.reason(trial, [(10.0, 0.0), (30.0, 2.5)], [], 100.0) is None
    trial = study.propose()
    words = rule.reason(trial, [(10.0, 0.0), (30.0, 1.5)], [], 100.0)
    assert words == "pruned by Optuna at step 30: below the median"
    study.stop_early(trial, words, {})
    assert records(study)[-1].state == "stopped early"


def test_median_is_asked_again_after_a_resume_without_a_word(tmp_path, recwarn):
    rule = Median(1, 0)
    what = definition(objectives=(Objective("f", "maximize", None, 0.0),))
    study = open_study(tmp_path, what, 10, pruner=rule.pruner())
    trial = study.propose()
    rule.reason(trial, [(10.0, 1.0)], [], 100.0)
    study = open_study(tmp_path, what, 10, pruner=rule.pruner())
    (trial,) = study.take_over([])
    assert rule.reason(trial, [(10.0, 1.0), (20.0, 2.0)], [], 100.0) is None
    assert study.study.get_trials()[0].intermediate_values == {10: 1.0, 20: 2.0}
    assert [str(warning.message) for warning in recwarn if "report" in str(warning.message)] == []
