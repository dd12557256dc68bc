"""Callbacks that watch a training: numbers that are not finite, statistics of the policy, alarms."""
