"""What makes two trials the same: sessions by their market, costs by their models, policies by all that they act by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.agents.bundle import describe
from intraday_rl.agents.policies.actor_critic import NetworkPolicy
from intraday_rl.agents.policies.networks import describe_network
from intraday_rl.app.market_data import MarketData
from intraday_rl.core.hashing import hash_arrays, hash_json
from intraday_rl.data.sources import HistoricalFiles

ACTED_BY = ("features.json", "observation.json", "actions.json")
COSTS = "costs.json"


def session_names(data: MarketData, sessions: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """Return a name for each usable one of the sessions, equal for the same session wherever it comes from.

    A session of a real market is symbol and day, whichever file holds it. A simulated one is its bars too: another seed
    or another parameter makes another market, and more sessions of one market leave the earlier ones what they are.
    """
    sources = [market.source for market in data.plan.markets]
    pairs = zip(data.symbols, sources, strict=True)
    real = {symbol.bars.symbol for symbol, source in pairs if isinstance(source, HistoricalFiles)}
    usable, tape = data.tape.usable(sessions), data.tape
    symbols = [tape.symbols[k] for k in tape.symbol_of[usable]]
    days = np.datetime_as_string(tape.dates[usable], unit="D")
    digests = data.session_digests(usable)
    return tuple(
        f"{symbol} {day}" if symbol in real else f"{symbol} {day} {digest}"
        for symbol, day, digest in zip(symbols, days, digests, strict=True)
    )


def costs_digest(data: MarketData) -> str:
    """Return the digest of the execution models, under stress where the data are."""
    return hash_json(describe(data.rules, data.features)[COSTS])


def rules_digest(data: MarketData, config: Mapping[str, Any]) -> str:
    """Return the digest of what a policy sees and may do: features, observation, actions, risk rules and capital.

    Args:
        data: what it trades on.
        config: the configuration, plain JSON values.
    """
    parts = describe(data.rules, data.features)
    capital = config["env"]["initial_capital_usd"]
    return hash_json([*(parts[name] for name in ACTED_BY), config["risk"], capital])


def model_digest(policy: NetworkPolicy, rules: str) -> str:
    """Return the digest of a policy: network, weights, observation scaler, and the digest of its rules."""
    weights = dict(sorted(policy.network.state_dict().items()))
    arrays = [tensor.detach().cpu().numpy() for tensor in weights.values()]
    scaler = {} if policy.scaler is None else policy.scaler.arrays()
    digests = [hash_arrays(*arrays), hash_arrays(*scaler.values())]
    return hash_json([rules, describe_network(policy.network), list(weights), *digests])
