"""Behaviour cloning: an expert demonstrates, a network learns to do the same, and it is judged whether it can."""
