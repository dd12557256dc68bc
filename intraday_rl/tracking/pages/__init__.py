"""Pages in a browser: MLflow's on all runs, Optuna's on one sweep; both are served to this machine alone by default."""

from intraday_rl.tracking.pages.dashboard import journal_of, serve_dashboard
from intraday_rl.tracking.pages.mlflow_pages import serve_ui

__all__ = ["journal_of", "serve_dashboard", "serve_ui"]
