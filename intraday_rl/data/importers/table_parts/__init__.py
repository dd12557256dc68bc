"""The parts of a generic table: how its file is written, what its columns are, how its stamps tell the time."""
