"""The expert of a configuration on a market."""

from __future__ import annotations

import logging

from intraday_rl.app.loading.expert_signals import expert_signals
from intraday_rl.app.market_data import MarketData
from intraday_rl.core.errors import FeatureError
from intraday_rl.core.protocols import Policy, Rule

LOG = logging.getLogger(__name__)
EXPERT = "expert"


def expert_rule(data: MarketData) -> Rule:
    """Return the plan's expert on the market.

    Raises:
        FeatureError: `features.families` do not have what the expert looks at.
    """
    expert = data.plan.expert
    rule: Rule = expert.rule(expert_signals(expert, data))
    return rule


def expert_beside(data: MarketData) -> dict[str, Policy | Rule]:
    """Return the expert by its name, to trade beside a policy; nobody where the market lacks what it looks at."""
    try:
        return {EXPERT: expert_rule(data)}
    except FeatureError as error:
        LOG.info("no expert trades beside the policy: %s", error)
        return {}
