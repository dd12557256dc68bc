"""`python -m intraday_rl …`: the tools beside training and evaluation."""

import sys

from intraday_rl.app.cli import guard
from intraday_rl.app.command_line.tools import main

if __name__ == "__main__":
    sys.exit(guard(lambda: main(sys.argv[1:])))
