"""Start from the policy of another run."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from intraday_rl.agents.bundle import describe
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.agents.policies.networks import describe_network
from intraday_rl.agents.warm_start import WarmStart
from intraday_rl.app.learning.networks import untrained_network
from intraday_rl.app.learning.run import Run
from intraday_rl.app.resuming.places import MANIFEST
from intraday_rl.core.differences import first_difference
from intraday_rl.core.errors import ConfigError
from intraday_rl.tracking import write_manifest

LOG = logging.getLogger(__name__)

SAME = ("features.json", "observation.json", "actions.json")  # what a policy cannot do without; costs may differ


def policy_of_run(run: Run) -> WarmStart:
    """Return the weights of `warm_start.path`, with the moments of its observations.

    Sessions on which that policy was trained or chosen count as seen by this run too; where it is to be chosen or
    tested on some of them, a warning says so.

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
        difference = first_difference(asked, theirs)
        if difference is not None:
            raise ConfigError(
                f"warm_start.path={path}: another {name} than this run's: {difference}; start from a run with the same "
                "features, observation, actions and network"
            )
    _remember_seen(run, bundle.seen_sessions())
    policy = bundle.policy
    weights = {name: tensor.detach().numpy().copy() for name, tensor in policy.network.state_dict().items()}
    return WarmStart(weights, policy.scaler)


def _remember_seen(run: Run, seen: Mapping[str, list[str]]) -> None:
    """Put what the policy has seen into the run's manifest, and warn of sessions that are no fresh judgement."""
    run.manifest["seen_before"] = {name: " ".join(digests) for name, digests in seen.items()}
    write_manifest(run.manifest, run.folder / MANIFEST)
    known = {digest for digests in seen.values() for digest in digests}
    for name, part in (("validation", run.data.split.validation), ("test", run.data.split.test)):
        digests = run.data.session_digests(run.data.tape.usable(part))
        count = sum(digest in known for digest in digests)
        if count:
            LOG.warning(
                "warm_start.path: the policy was trained or chosen on %d of the %d %s sessions: no fresh judgement",
                count,
                len(digests),
                name,
            )
