"""Checkpoints of a training in progress: taken between two rollouts, and gone on from as if nothing had happened."""
