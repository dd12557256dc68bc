"""Agents: parameters, trainers, callbacks and the bundles that keep a trained policy."""
