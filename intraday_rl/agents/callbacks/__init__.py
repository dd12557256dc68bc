"""Callbacks of SB3's training loop, one idea a file."""
