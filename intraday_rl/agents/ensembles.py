"""Several bundles as one: an ensemble is a bundle like any other, with its members' networks and scalers in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intraday_rl.agents.bundle import CONFIG, Bundle, write_bundle
from intraday_rl.agents.policies.ensemble import FEWEST, Ensemble, EnsemblePolicy
from intraday_rl.agents.policies.networks import as_policy, describe_network
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.core.differences import first_difference
from intraday_rl.core.errors import BundleError

NAME = "ensemble"  # in the place of an algorithm's name
SAME = ("features.json", "observation.json", "actions.json", "costs.json", "judging.json")  # in all members
SAME_SETTINGS = ("env", "market", "risk")  # of all members' configurations: what the first one's are judged under
OWN = ("format", "files", "contents", "fingerprint")  # of a manifest: what is not its origin


def save_ensemble(path: Path, members: Sequence[Bundle]) -> None:
    """Write the members as one bundle.

    Its configuration is the first member's, under the algorithm's name `ensemble`, and so is its origin: data, seeds,
    versions. The manifest names all members with their fingerprints; it has seen every session that any of them has.

    Args:
        path: the new bundle's folder.
        members: two or more that agree in the files of `SAME` and in `SAME_SETTINGS`; their networks may be of
            different kinds.

    Raises:
        BundleError: they are too few, differ, one is there twice, or is an ensemble itself.
    """
    check_members(members)
    first = members[0]
    algo = first.config.get("algo")
    if not isinstance(algo, dict):
        raise BundleError(f"bundle {first.path}: config.json lacks algo; copy the bundle anew")
    origin = {key: value for key, value in first.manifest.items() if key not in OWN}
    origin["seen_sessions"] = _seen(members)
    origin["members"] = [{"run": run_of(each), "fingerprint": each.manifest["fingerprint"]} for each in members]
    config = {**first.config, "algo": {**algo, "name": NAME}, "warm_start": {"name": "none"}}
    contents = {name: first.parts[name] for name in SAME} | {CONFIG: config}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bundle(path, snapshot_of(members), contents, origin)


def check_members(members: Sequence[Bundle]) -> None:
    """Refuse bundles that cannot act as one.

    Raises:
        BundleError: the first reason; of a difference it names both runs and the place.
    """
    if len(members) < FEWEST:
        raise BundleError(f"an ensemble needs {FEWEST} or more runs, was {len(members)}")
    first, known = members[0], dict[str, str]()
    for member in members:
        run, fingerprint = run_of(member), member.manifest["fingerprint"]
        if isinstance(member.policy, EnsemblePolicy):
            raise BundleError(f"{run} is an ensemble itself; give its members' runs")
        if fingerprint in known:
            raise BundleError(
                f"an ensemble's members must differ: {known[fingerprint]} and {run} are one; leave one out"
            )
        known[fingerprint] = run
        pairs = [(name.removesuffix(".json"), first.parts[name], member.parts[name]) for name in SAME]
        pairs += [(name, first.config.get(name), member.config.get(name)) for name in SAME_SETTINGS]
        for name, expected, found in pairs:
            difference = first_difference(expected, found, name if name in SAME_SETTINGS else "")
            if difference is not None:
                raise BundleError(
                    f"an ensemble's members must agree: {run} differs from {run_of(first)} in {name}: {difference}"
                )


def snapshot_of(members: Sequence[Bundle]) -> PolicySnapshot:
    """Return the members as one policy."""
    network = Ensemble([(member.policy.network, member.policy.scaler) for member in members])
    weights = {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}
    return PolicySnapshot(weights, None, describe_network(network), as_policy(network, None))


def run_of(bundle: Bundle) -> str:
    """Return the name of a bundle's run: of the folder around it, or its own where it was copied out."""
    return bundle.path.parent.name if bundle.path.name == "bundle" else bundle.path.name


def _seen(members: Sequence[Bundle]) -> dict[str, str]:
    """Return the digests of the sessions that any member was trained on and chosen on, as a manifest holds them."""
    parts = [member.seen_sessions() for member in members]
    return {name: " ".join(dict.fromkeys(digest for part in parts for digest in part[name])) for name in parts[0]}
