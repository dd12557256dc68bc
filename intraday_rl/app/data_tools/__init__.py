"""Command lines that collect and judge data."""
