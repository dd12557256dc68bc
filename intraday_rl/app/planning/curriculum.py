"""The curriculum of a configuration: stages whose parameters must be those of rules that the run has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from intraday_rl.app.planning.structs import build_struct
from intraday_rl.core.errors import ConfigError, IntradayError
from intraday_rl.env.curriculum.stages import CurriculumPlan, SharpeGate, Stage


def plan_curriculum(node: Mapping[str, Any], rules: Any, algorithm: str) -> CurriculumPlan | None:
    """Return the curriculum, None where none is chosen.

    Args:
        node: the `curriculum` group.
        rules: the TradingRules whose parameters the stages set.
        algorithm: name of who is trained in the stages.

    Raises:
        ConfigError: a stage, or a parameter in it, is not allowed; the message starts with its key.
        ParameterError: the stages do not follow from one another.
    """
    if node["gate"] is None:
        if node["stages"]:
            raise ConfigError("curriculum.gate must be given where there are stages, was null; try sharpe_gated")
        return None
    if algorithm == "bc":
        raise ConfigError("curriculum needs an algorithm that trains in the environment, was algo=bc; leave it out")
    gate = build_struct("curriculum.gate", node["gate"], SharpeGate)
    stages = (_stage(name, stage, rules) for name, stage in node["stages"].items())
    return CurriculumPlan(gate, tuple(stages))


def _stage(name: str, node: Mapping[str, Any], rules: Any) -> Stage:
    key = f"curriculum.stages.{name}"
    given = {**node, "name": name, "parameters": dict(_dotted(node.get("parameters", {})))}
    stage: Stage = build_struct(key, given, Stage)
    for parameter, value in stage.parameters.items():
        if not parameter.startswith("terms.") and not rules.risk.use_risk_wrapper:
            raise ConfigError(
                f"{key}.parameters sets {parameter}, which risk.use_risk_wrapper=false switches off; choose "
                "curriculum=none or curriculum=per_bar"
            )
        try:
            rules.with_parameter(parameter, value)
        except IntradayError as error:
            raise ConfigError(f"{key}.parameters: {error}") from error
    return stage


def _dotted(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values inside nested mappings by their dotted names."""
    if not isinstance(node, Mapping):
        yield place, node
        return
    for name, inner in node.items():
        yield from _dotted(inner, f"{place}.{name}" if place else str(name))
