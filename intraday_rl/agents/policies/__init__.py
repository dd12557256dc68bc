"""Trained networks as policies: raw observations in, deterministic actions out, one kind of network a file."""
