"""Fill a store with bars: `python collect.py --help`."""

import sys

from intraday_rl.app.cli import guard


def collect() -> int:
    """Import what collects late, so that an interrupt during the import is one line too."""
    from intraday_rl.app.data_tools.collect import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(guard(collect))
