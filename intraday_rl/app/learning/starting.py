"""Start from the policy of another run."""

from __future__ import annotations

from intraday_rl.agents.bundle import describe
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.agents.policies.networks import describe_network
from intraday_rl.agents.warm_start import WarmStart
from intraday_rl.app.learning.networks import untrained_network
from intraday_rl.app.learning.run import Run
from intraday_rl.core.differences import first_difference
from intraday_rl.core.errors import ConfigError

SAME = ("features.json", "observation.json", "actions.json")  # what a policy cannot do without; costs may differ


def policy_of_run(run: Run) -> WarmStart:
    """Return the weights of `warm_start.path`, with the moments of its observations.

    Raises:
        BundleError: no bundle is there, or it cannot be used.
        ConfigError: the policy sees, does or is something else than this run's.
    """
    path = run.plan.warm_start.path
    bundle = load_bundle(path)
    own = describe(run.data.rules, run.data.features)
    pairs = [(name.removesuffix(".json"), bundle.parts[name], own[name]) for name in SAME]
    pairs.append(("network", bundle.parts["policy.json"], describe_network(untrained_network(run))))
    for name, theirs, asked in pairs:
        difference = first_difference(theirs, asked)
        if difference is not None:
            raise ConfigError(
                f"warm_start.path={path}: its {name} differs from this run's: {difference}; start from a run with the "
                "same features, observation, actions and network"
            )
    policy = bundle.policy
    weights = {name: tensor.detach().numpy().copy() for name, tensor in policy.network.state_dict().items()}
    return WarmStart(weights, policy.scaler)
