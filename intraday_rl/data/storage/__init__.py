"""Bars on disk: the store that collecting fills, and bars prepared once and kept."""
