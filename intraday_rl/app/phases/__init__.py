"""The project's phases on the command line: verdicts of a run, frozen baselines, and all phases in order."""
