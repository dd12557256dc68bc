"""The curricula of conf/, and what is refused of a curriculum before anything is loaded."""

import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.core.errors import ConfigError, IntradayError

CAP, LIMIT = "entries.hourly_turnover.nav_multiple", "terms.turnover.limit"
STAGES = "curriculum.stages"


def plan_of(*overrides):
    return build_plan(compose(overrides))


def refusal(*overrides):
    """Return the one line that such a run is refused with."""
    with pytest.raises(IntradayError) as refused:
        plan_of(*overrides)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_default_is_no_curriculum():
    assert plan_of().curriculum is None


def test_gated_curriculum_has_the_caps_of_its_targets():
    """Twice the target of a session over the 6.5 hours that it has."""
    plan = plan_of("curriculum=sharpe_gated")
    stages = plan.curriculum.stages
    assert [stage.name for stage in stages] == ["conservative", "balanced", "professional"]
    assert [stage.min_episodes for stage in stages] == [20, 30, 50]
    assert [stage.promote_above for stage in stages] == [0.5, 1.0, 1.5]
    for stage, target in zip(stages, (0.8, 1.5, 2.0), strict=True):
        assert dict(stage.parameters) == {CAP: pytest.approx(2 * target / 6.5, abs=5e-5)}
    assert plan.curriculum.gate == (5, 10, 0.8)
    assert plan.rules.risk.entries["hourly_turnover"].nav_multiple == stages[-1].parameters[CAP]


def test_curriculum_per_bar_sets_the_free_turnover():
    plan = plan_of("curriculum=per_bar")
    assert [dict(stage.parameters) for stage in plan.curriculum.stages] == [{LIMIT: v} for v in (0.008, 0.015, 0.02)]
    assert plan.rules.terms["turnover"].limit == 0.02


def test_values_of_stages_can_be_given():
    overrides = [f"{STAGES}.balanced.parameters.{CAP}=0.3", f"{STAGES}.balanced.min_episodes=7"]
    stage = plan_of("curriculum=sharpe_gated", *overrides, "curriculum.gate.demotion_share=0.5").curriculum.stages[1]
    assert (stage.min_episodes, dict(stage.parameters)) == (7, {CAP: 0.3})


def test_stages_can_be_left_out():
    plan = plan_of("curriculum=sharpe_gated", f"~{STAGES}.balanced")
    assert [stage.name for stage in plan.curriculum.stages] == ["conservative", "professional"]


def test_parameter_that_names_no_rule_is_refused_with_the_nearest():
    said = refusal("curriculum=per_bar", f"+{STAGES}.balanced.parameters.terms.turnover.limt=0.2")
    assert said.startswith(f"{STAGES}.balanced.parameters: terms.turnover.limt")
    assert "did you mean" in said
    assert "limit?" in said


def test_rule_that_the_run_does_not_have_is_refused():
    said = refusal("curriculum=per_bar", "~reward.terms.turnover")
    assert said.startswith(f"{STAGES}.conservative.parameters: {LIMIT} names no parameter of a reward term or risk")


def test_value_that_its_rule_refuses_is_refused():
    said = refusal("curriculum=sharpe_gated", f"{STAGES}.balanced.parameters.{CAP}=-0.3")
    assert said.startswith(f"{STAGES}.balanced.parameters: HourlyTurnover.nav_multiple must be > 0")


def test_thresholds_that_do_not_rise_are_refused():
    said = refusal("curriculum=sharpe_gated", f"{STAGES}.balanced.promote_above=0.5")
    law = "promote_above must be > that of conservative, the stage before (0.5), was 0.5"
    assert said == f"{STAGES}.balanced.{law}"


def test_no_stages_are_refused():
    names = ("conservative", "balanced", "professional")
    said = refusal("curriculum=sharpe_gated", *(f"~{STAGES}.{name}" for name in names))
    assert said == "curriculum.stages must name at least one stage, was empty"


def test_stages_without_a_gate_are_refused():
    stage = "{_target_: intraday_rl.env.curriculum.stages.Stage, min_episodes: 1, promote_above: 1.0, parameters: {}}"
    said = refusal("curriculum=none", f"+{STAGES}.mine={stage}")
    assert said.startswith("curriculum.gate must be given where there are stages, was null")


def test_misspelt_key_of_a_stage_is_refused():
    said = refusal("curriculum=sharpe_gated", f"{STAGES}.balanced.min_episode=3")
    assert "min_episodes" in said


def test_order_by_regime_needs_the_features_of_the_regime():
    assert plan_of("env.episode_order=weighted", "features=full51_regime").rules.episode_order == "weighted"
    with pytest.raises(ConfigError) as refused:
        plan_of("env.episode_order=weighted")
    assert str(refused.value).startswith("env.episode_order must be mixed or sequential without the features regime_")
    assert "features=full51_regime" in str(refused.value)
