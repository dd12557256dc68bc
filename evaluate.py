"""Judge a saved run again: `python evaluate.py --help`."""

import gc
import sys

from intraday_rl.app.cli import guard


def evaluate() -> int:
    """Import what judges late, so that an interrupt during the import is one line too."""
    from intraday_rl.app.evaluate import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    status = guard(evaluate)
    gc.freeze()  # else the interpreter looks for garbage in all that was imported, which takes a second and more
    sys.exit(status)
