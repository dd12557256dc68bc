"""Sweeps: the search for settings by a study that survives interruptions; it runs commands and reads their results."""
