"""MLflow's pages on the project's store.

Conventions: one worker and no job runner (two processes instead of ten).
"""

from __future__ import annotations

import sys

from intraday_rl.tracking.pages.server import Pages, serve
from intraday_rl.tracking.store import Store, ensure_store

ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def mlflow_pages(store: Store) -> Pages:
    """Return how the store is served."""

    def command(host: str, port: int) -> list[str]:
        words = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store.uri]
        words += ["--default-artifact-root", store.artifacts.as_uri()]
        words += ["--artifacts-destination", store.artifacts.as_uri()]
        return [*words, "--host", host, "--port", str(port), "--workers", "1"]

    return Pages("MLflow", command, ENVIRONMENT, store.folder, "/health", is_quiet=False)


def serve_ui(store: Store, host: str, port: int) -> int:
    """Serve the store until Ctrl-C or SIGTERM, printing the address; return the server's exit status.

    Args:
        store: the store, created if it does not exist yet.
        host: address to listen on, such as 127.0.0.1.
        port: preferred port; the next free one is taken if it is in use.
    """
    ensure_store(store)
    return serve(mlflow_pages(store), host, port)
