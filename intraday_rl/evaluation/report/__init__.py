"""The report of one evaluated run: a page that loads nothing, and one picture."""

from intraday_rl.evaluation.report.page import DataDescription, ReportData, headline, write_report

__all__ = ["DataDescription", "ReportData", "headline", "write_report"]
