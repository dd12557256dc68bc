"""A server of pages in a process of its own: started on a free port, named when it answers, ended with all it started.

Conventions: the server gets a process group of its own, so that ending this program ends all of it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NamedTuple
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking.signals import sigterm_interrupts

PORTS_TRIED = 50
START_SECONDS = 120.0
STOP_SECONDS = 8.0


class Pages(NamedTuple):
    """What is served, and by which program.

    Attributes:
        name: in words, for the line with the address.
        command: the command line that serves on a host and a port.
        environment: variables besides those of this process.
        folder: the server's working directory.
        probe: path of a page that answers once the server is up.
        is_quiet: whether what it says is kept back; the last line of it is told if it fails.
    """

    name: str
    command: Callable[[str, int], list[str]]
    environment: Mapping[str, str]
    folder: Path
    probe: str
    is_quiet: bool


def free_port(host: str, preferred: int) -> int:
    """Return the first port from `preferred` upwards that nothing on `host` listens on.

    Raises:
        TrackingError: none of PORTS_TRIED ports is free, or the host is not an address of this machine.
    """
    problem: OSError | None = None
    for port in range(preferred, min(preferred + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except OSError as error:
                problem = error
    raise TrackingError(f"no port from {preferred} on is free on {host} ({problem}); name another one")


def serve(pages: Pages, host: str, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM, printing the address; return the server's exit status.

    Args:
        pages: what is served.
        host: address to listen on, such as 127.0.0.1.
        port: preferred port; the next free one is taken if it is in use.

    Raises:
        TrackingError: no port is free, or a quiet server failed.
    """
    port = free_port(host, port)
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(
            pages.command(host, port),
            env={**os.environ, **pages.environment},
            cwd=pages.folder,
            start_new_session=True,
            stdout=said if pages.is_quiet else None,
            stderr=said if pages.is_quiet else None,
        )
        try:
            with sigterm_interrupts():
                if _wait_until_up(server, f"http://{host}:{port}{pages.probe}"):
                    print(f"{pages.name}: http://{host}:{port} (Ctrl-C ends it)", flush=True)
                status = server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(server)
        if pages.is_quiet and status != 0:
            raise TrackingError(f"{pages.name} ended with status {status}: {_last_line(said)}")
        return status


def _wait_until_up(server: subprocess.Popen[bytes], address: str) -> bool:
    opener = build_opener(ProxyHandler({}))  # loopback: past any proxy
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(address, timeout=2):
                return True
        except (URLError, OSError):
            time.sleep(0.2)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and all it started."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, signal_number)
            server.wait(STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
