"""A run in MLflow with others below it, such as a sweep with its trials: what the process above them records."""

from intraday_rl.tracking.parents.children import log_to_run, recorded_run_id, tag_run
from intraday_rl.tracking.parents.parent_run import ParentRun

__all__ = ["ParentRun", "log_to_run", "recorded_run_id", "tag_run"]
