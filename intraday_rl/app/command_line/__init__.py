"""The parts of a command line: what may be said, the checks before anything is started, the help text, one job."""
