"""MLflow's pages, served on the project's store to this machine alone.

Conventions: one worker and no job runner (two processes instead of ten). The server gets a process group of its own,
so that ending this program ends all of it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking.signals import sigterm_interrupts
from intraday_rl.tracking.store import Store, ensure_store

PORTS_TRIED = 50
START_SECONDS = 120.0
STOP_SECONDS = 8.0


def ui_command(store: Store, host: str, port: int) -> list[str]:
    """Return the command line that serves the store on `host:port`."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store.uri]
    command += ["--default-artifact-root", store.artifacts.as_uri()]
    command += ["--artifacts-destination", store.artifacts.as_uri()]
    return [*command, "--host", host, "--port", str(port), "--workers", "1"]


def ui_environment() -> dict[str, str]:
    """Return this process's environment with MLflow's telemetry and job runner switched off."""
    return {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


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


def serve_ui(store: Store, host: str, port: int) -> int:
    """Serve the store until Ctrl-C or SIGTERM, printing the address; return the server's exit status.

    Args:
        store: the store, created if it does not exist yet.
        host: address to listen on, such as 127.0.0.1.
        port: preferred port; the next free one is taken if it is in use.
    """
    ensure_store(store)
    port = free_port(host, port)
    server = subprocess.Popen(
        ui_command(store, host, port), env=ui_environment(), cwd=store.folder, start_new_session=True
    )
    try:
        with sigterm_interrupts():
            if _wait_until_up(server, host, port):
                print(f"MLflow: http://{host}:{port} (Ctrl-C ends it)", flush=True)
            return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _wait_until_up(server: subprocess.Popen[bytes], host: str, port: int) -> bool:
    opener = build_opener(ProxyHandler({}))  # loopback: past any proxy
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"http://{host}:{port}/health", timeout=2):
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
