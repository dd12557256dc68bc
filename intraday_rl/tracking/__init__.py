"""Records of runs: manifest, MLflow, the monitor file, and a doctor for the machine.

Nothing heavy is imported here: MLflow, torch and the metrics come with the modules that need them, when they do.
"""

from intraday_rl.tracking.doctor import Finding, diagnose, render
from intraday_rl.tracking.manifest import collect_manifest, write_manifest
from intraday_rl.tracking.mlflow_tracker import MlflowTracker
from intraday_rl.tracking.pages import journal_of, serve_dashboard, serve_ui
from intraday_rl.tracking.signals import Interrupted, sigterm_interrupts
from intraday_rl.tracking.store import Store, project_store, reap_stale_runs

__all__ = [
    "Finding",
    "Interrupted",
    "MlflowTracker",
    "Store",
    "collect_manifest",
    "diagnose",
    "journal_of",
    "project_store",
    "reap_stale_runs",
    "render",
    "serve_dashboard",
    "serve_ui",
    "sigterm_interrupts",
    "write_manifest",
]
