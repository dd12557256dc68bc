"""The tools around data: collecting and checking."""
