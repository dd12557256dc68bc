"""The environment: rewards, risk rules, actions and observations over the market, batched."""
