"""Optuna's dashboard on the journal of a sweep.

Conventions: the journal is `study.journal` in the sweep's folder. The dashboard reads it, also while the sweep is at
work; it takes the journal's lock and writes only where the user changes something on the page, such as a note.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking.pages.server import Pages, serve

JOURNAL = "study.journal"
PROGRAM = "optuna-dashboard"


def journal_of(folder: Path | None, sweeps: Path) -> Path:
    """Return the absolute path of a sweep's journal.

    Args:
        folder: of the sweep; None = the one of `sweeps` whose journal was written last.
        sweeps: folder of all sweeps' folders.

    Raises:
        TrackingError: there is no journal.
    """
    if folder is not None:
        if not (folder / JOURNAL).is_file():
            raise TrackingError(f"{folder} holds no {JOURNAL}; give the folder of a sweep, such as {sweeps.name}/STUDY")
        return (folder / JOURNAL).resolve()
    journals = sorted(sweeps.glob(f"*/{JOURNAL}"), key=lambda path: path.stat().st_mtime_ns)
    if not journals:
        raise TrackingError(f"no sweep in {sweeps} has a {JOURNAL}; start a sweep, or give the folder of one")
    return journals[-1].resolve()


def dashboard_pages(journal: Path) -> Pages:
    """Return how a journal is served.

    Raises:
        TrackingError: the dashboard is not installed.
    """
    program = shutil.which(PROGRAM, path=str(Path(sys.executable).parent))
    if program is None:
        raise TrackingError(f"{PROGRAM} is not installed in {sys.prefix}; make setup installs it")

    def command(host: str, port: int) -> list[str]:
        # wsgiref is one process; gunicorn, its other server, keeps a socket in the home folder
        return [program, str(journal), "--host", host, "--port", str(port), "--server", "wsgiref"]

    return Pages(f"Optuna's dashboard on {journal}", command, {}, journal.parent, "/api/meta", is_quiet=True)


def serve_dashboard(journal: Path, host: str, port: int) -> int:
    """Serve the journal until Ctrl-C or SIGTERM, printing the address; return the server's exit status.

    Args:
        journal: absolute path of the file.
        host: address to listen on, such as 127.0.0.1.
        port: preferred port; the next free one is taken if it is in use.

    Raises:
        TrackingError: the dashboard is not installed, or cannot read the journal.
    """
    return serve(dashboard_pages(journal), host, port)
