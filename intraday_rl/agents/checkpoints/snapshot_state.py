"""A policy's snapshot as a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.agents.snapshot import PolicySnapshot, take_snapshot


def snapshot_state(snapshot: PolicySnapshot) -> dict[str, Any]:
    """Return weights, scaler and network; the live policy is the model's own and changes with it."""
    scaler = None if snapshot.scaler is None else asdict(snapshot.scaler)
    return {"weights": snapshot.weights, "scaler": scaler, "network": snapshot.network}


def snapshot_from(state: Mapping[str, Any], model: Any) -> PolicySnapshot:
    """Return the snapshot of such a state, with the policy that is in training in the model."""
    scaler = None if state["scaler"] is None else ObservationScaler(**state["scaler"])
    return replace(take_snapshot(model), weights=state["weights"], scaler=scaler, network=state["network"])
