"""Clone the expert: it demonstrates on the training sessions, a network learns to do as it does, both are judged."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from intraday_rl.agents.cloning.acceptance import Acceptance, judge_clone
from intraday_rl.agents.cloning.demonstrations import Demonstrations, demonstrate
from intraday_rl.agents.cloning.fitting import Clone, fit_clone
from intraday_rl.agents.cloning.softening import soften
from intraday_rl.agents.policies.networks import as_policy, describe_network
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.agents.warm_start import WarmStart
from intraday_rl.app.learning.expert import EXPERT, expert_rule
from intraday_rl.app.learning.networks import untrained_network
from intraday_rl.app.learning.run import Run
from intraday_rl.core import seeding
from intraday_rl.core.protocols import Policy, Rule

FILE, CLONE = "clone.json", "clone"
SHOWN = ("profit_factor", "hit_rate", "net_return", "round_trips_per_session")

LOG = logging.getLogger(__name__)
Validator = Callable[[Policy | Rule], dict[str, float]]


@dataclass(frozen=True)
class Cloned:
    """A clone of the expert.

    Attributes:
        snapshot: the cloned network.
        start: the same with softened probabilities, for training to go on from.
        numbers: what it did on the validation sessions, as a row of the training curve.
    """

    snapshot: PolicySnapshot
    start: WarmStart
    numbers: dict[str, float]


def clone_of(run: Run, validate: Validator, tracker: Any) -> Cloned:
    """Clone the run's expert, say how well it went, and write `clone.json`.

    Args:
        run: the run.
        validate: judges a policy on the validation sessions, which neither the expert nor the clone has seen.
        tracker: MLflow's, None = none.

    Raises:
        DataError: there are too few training sessions.
        FeatureError: the run's features do not have what the expert looks at.
    """
    rule = expert_rule(run.data)
    seed = seeding.integer(run.config["seed"], "demonstrations")
    tape, rules, split = run.data.tape, run.data.rules, run.data.split
    with run.console.status("the expert demonstrates"):
        demonstrations = demonstrate(rule, tape, rules, split.train, seed)
        later = demonstrate(rule, tape, rules, split.validation, seed)
    for line in [*demonstrations.warnings(), *_blind_spots(run)]:
        LOG.warning(line)
    network = untrained_network(run)
    clone = _fit(run, network, demonstrations, tracker)
    policy = as_policy(network, clone.scaler)
    judged = {EXPERT: validate(rule), CLONE: validate(policy)}
    limits = run.plan.cloning.acceptance
    acceptance = judge_clone(network, clone.scaler, later, limits, judged[CLONE]["profit_factor"])
    facts = _facts(clone, len(demonstrations.actions))
    outcome = {"acceptance": acceptance.to_json(), "validation_sessions": judged, **facts, "curve": clone.curve}
    (run.folder / FILE).write_text(json.dumps(outcome, indent=1) + "\n")
    _say(run, facts, acceptance, judged)
    snapshot = PolicySnapshot(clone.weights, clone.scaler, describe_network(network), policy)
    numbers = {f"validation/{name}": value for name, value in judged[CLONE].items()}
    weights = clone.weights
    if isinstance(network.action_space, gymnasium.spaces.Discrete):
        weights = soften(network, clone.scaler, demonstrations, run.plan.warm_start.entropy)
    return Cloned(snapshot, WarmStart(weights, clone.scaler), {"step": 0.0, **numbers})


def _fit(run: Run, network: Any, demonstrations: Demonstrations, tracker: Any) -> Clone:
    """Fit with a bar that shows the losses; the tracker gets them with the epoch as their step."""
    plan, parameters = run.plan.cloning, run.plan.parameters
    columns = (TextColumn("cloning"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[latest]}"), console=run.console) as bar:
        task = bar.add_task("cloning", total=plan.num_epochs, latest="")

        def on_epoch(numbers: Mapping[str, float]) -> None:
            losses = f"loss {numbers['train_loss']:.4f}, validation {numbers['validation_loss']:.4f}"
            bar.update(task, completed=numbers["epoch"], latest=losses)
            if tracker is not None:
                logged = {f"clone/{name}": numbers[name] for name in ("train_loss", "validation_loss")}
                tracker.log_metrics(logged, int(numbers["epoch"]))

        clip = parameters.normalize_clip if parameters.normalize else None
        seed = seeding.integer(run.config["seed"], "cloning")
        return fit_clone(network, demonstrations, plan, clip, seed, on_epoch)


def _blind_spots(run: Run) -> list[str]:
    """Return a line where the agent does not see what of its account the expert decides by (SPEC B36)."""
    hidden = [name for name in run.plan.expert.account if name not in run.data.rules.layout.account]
    if not hidden:
        return []
    return [f"cloning: the expert decides by {', '.join(hidden)}, which features.account does not show the agent"]


def _facts(clone: Clone, decisions: int) -> dict[str, Any]:
    return {
        "decisions": decisions,
        "epochs": len(clone.curve),
        "best_epoch": clone.best_epoch,
        "precision": clone.precision,
        "seconds": clone.seconds,
    }


def _say(run: Run, facts: Mapping[str, Any], acceptance: Acceptance, judged: Mapping[str, Mapping[str, float]]) -> None:
    """Tell the user how the clone compares with what is asked of it, and with the expert."""
    word = "accepted" if acceptance.is_accepted else "NOT accepted"
    run.say(
        f"clone {word}: {facts['decisions']:,} decisions, {facts['epochs']} epochs in {facts['seconds']:.1f} s "
        f"({facts['precision']}), best epoch {facts['best_epoch']}"
    )
    for line in acceptance.lines():
        run.say(f"  {line}")
    for name, numbers in judged.items():
        values = ", ".join(f"{key.replace('_', ' ')} {numbers[key]:.4g}" for key in SHOWN)
        run.say(f"  {name} on the validation sessions: {values}")
