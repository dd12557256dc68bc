"""The tools of `python -m intraday_rl`: `doctor`, `ui`, `dashboard`, `check-data`, `freeze`, `phases` and others."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from intraday_rl.app.command_line.groups import PROJECT

UI_HOST = "127.0.0.1"
UI_PORT = 5000
DASHBOARD_PORT = 8080
STORAGE_PORT = 13000
SWEEPS = PROJECT / "multirun"
STUDIES = SWEEPS / "storage_server" / "studies.journal"
STAMPS = ("start", "end")


def main(argv: Sequence[str]) -> int:
    """Run the tool that the arguments name and return its exit status."""
    arguments = _parser().parse_args(argv)
    status: int = arguments.tool(arguments)
    return status


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m intraday_rl", description="Tools beside train.py and evaluate.py.")
    tools = parser.add_subparsers(required=True, metavar="tool")
    what = "say what is wrong with this machine: versions, cores, threads, store, data"
    doctor = tools.add_parser(
        "doctor", help=what, description=f"{what}; exit status 1 if a run would fail".capitalize()
    )
    doctor.set_defaults(tool=_doctor)
    _add_pages(tools)
    _add_storage_server(tools)
    _add_check_data(tools)
    what = "write a page about the features of the data: gaps, distributions, correlations, drift"
    features = tools.add_parser("features", help=what, description=what.capitalize())
    features.add_argument("overrides", nargs="*", help="those of train.py, such as data=historical data.symbols=[SPY]")
    features.add_argument("--html", type=Path, default=Path("features.html"), help="the page (default: %(default)s)")
    features.set_defaults(tool=_features)
    what = "print docs/features.md, as the code describes its features"
    features_page = tools.add_parser("features-page", help=what, description=what.capitalize())
    features_page.add_argument("--write", action="store_true", help="write docs/features.md instead of printing it")
    features_page.set_defaults(tool=_features_page)
    _add_freeze(tools)
    _add_phases(tools)
    _add_ensemble(tools)
    _add_study(tools)
    return parser


def _add_pages(tools: Any) -> None:
    what = "show all runs in MLflow, in a browser, until Ctrl-C"
    ui = tools.add_parser("ui", help=what, description=f"{what[0].upper()}{what[1:]}")
    _add_address(ui, UI_PORT)
    ui.set_defaults(tool=_ui)
    what = "show the trials of a sweep in Optuna's dashboard, in a browser, until Ctrl-C"
    dashboard = tools.add_parser("dashboard", help=what, description=f"{what[0].upper()}{what[1:]}")
    dashboard.add_argument(
        "folder", nargs="?", type=Path, help="of the sweep, such as multirun/STUDY (default: the one written last)"
    )
    _add_address(dashboard, DASHBOARD_PORT)
    dashboard.set_defaults(tool=_dashboard)


def _add_storage_server(tools: Any) -> None:
    what = "keep the studies of sweeps on several machines, which reach it with hparams.storage=grpc://HOST:PORT"
    server = tools.add_parser("storage-server", help=what, description=f"{what[0].upper()}{what[1:]}; until Ctrl-C")
    kept = server.add_mutually_exclusive_group()
    kept.add_argument("--storage", metavar="ADDRESS", help="a database: postgresql+psycopg://USER@HOST:PORT/NAME")
    kept.add_argument("--journal", type=Path, default=STUDIES, metavar="FILE", help="a file (default: %(default)s)")
    server.add_argument("--host", default=UI_HOST, help="address to listen on (default: %(default)s, no other machine)")
    server.add_argument("--port", type=int, default=STORAGE_PORT, help="port to listen on (default: %(default)s)")
    server.set_defaults(tool=_storage_server)


def _add_address(pages: ArgumentParser, port: int) -> None:
    what = "address to listen on (default: %(default)s, this machine alone)"
    pages.add_argument("--host", default=UI_HOST, help=what)
    pages.add_argument("--port", type=int, default=port, help="port, or the next free one (default: %(default)s)")


def _add_check_data(tools: Any) -> None:
    what = "say what a file or folder of bars holds, what is wrong with it, and how to train on it"
    check = tools.add_parser("check-data", help=what, description=f"{what}; exit status 1 if it cannot".capitalize())
    check.add_argument("path", help="a CSV or Parquet file of one-minute bars, or a folder of them")
    check.add_argument("--zone", help="time zone of stamps that have none, such as America/New_York")
    check.add_argument(
        "--stamp", choices=STAMPS, default=STAMPS[0], help="which end of its bar a stamp marks (default: %(default)s)"
    )
    check.add_argument(
        "--symbol", dest="symbols", action="append", help="a symbol to check, or the name of a file without one"
    )
    check.add_argument("--calendar", help="exchange calendar of the sessions (default: that of the default market)")
    check.add_argument("--html", metavar="FILE", help="also write the quality page")
    check.set_defaults(tool=_check_data)


def _add_freeze(tools: Any) -> None:
    what = "freeze a run as a baseline: bundle, configuration, packages, metrics and checksums in baselines/NAME/"
    freeze = tools.add_parser("freeze", help=what, description=what.capitalize())
    freeze.add_argument("run", nargs="?", type=Path, help="the run folder")
    freeze.add_argument("name", nargs="?", help="of the baseline")
    freeze.add_argument("--tag", action="store_true", help="also tag the present commit as baseline_NAME in git")
    freeze.add_argument("--check", metavar="NAME", help="say whether a baseline's files are as they were frozen")
    freeze.set_defaults(tool=_freeze, parser=freeze)


def _add_phases(tools: Any) -> None:
    what = "train the phases in order, each in a process of its own, and stop at the first that is not met"
    phases = tools.add_parser("phases", help=what, description=f"{what}; exit status 1 if it stopped".capitalize())
    phases.add_argument("--from", dest="first", default="phase0", metavar="PHASE", help="default: %(default)s")
    phases.add_argument("--to", dest="last", default="phase6", metavar="PHASE", help="default: %(default)s")
    phases.add_argument(
        "--accept-undecided", action="store_true", help="go on where too little data is the only trouble"
    )
    phases.add_argument("overrides", nargs="*", help="those of train.py, for every phase, such as data=historical")
    phases.set_defaults(tool=_phases)


def _add_study(tools: Any) -> None:
    what = "run what is missing of a study, rows x folds x seeds, then write and print its table"
    study = tools.add_parser("study", help=what, description=f"{what}; exit status 1 if a run failed".capitalize())
    study.add_argument("folder", type=Path, help="the study's folder, with study.yaml in it")
    study.add_argument("--table", action="store_true", help="run nothing: write the table from what is there")
    study.add_argument("--only", nargs="+", default=[], metavar="ROW", help="run these rows alone")
    study.add_argument("--seeds", help="instead of the study's own, such as 0,1,2")
    study.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each (default: %(default)s)")
    study.add_argument("--dry-run", action="store_true", help="print the commands of what is missing, run nothing")
    study.set_defaults(tool=_study)


def _add_ensemble(tools: Any) -> None:
    what = "make one policy of several: the likeliest action by the mean of their probabilities, or the mean size"
    ensemble = tools.add_parser("ensemble", help=what, description=what.capitalize())
    ensemble.add_argument("runs", nargs="+", metavar="RUN", help="run or bundle folders, two or more")
    ensemble.add_argument("--out", required=True, metavar="FOLDER", help="the new folder, which evaluate.py judges")
    ensemble.set_defaults(tool=_ensemble)


def _doctor(arguments: Namespace) -> int:
    from rich.console import Console

    from intraday_rl.tracking import diagnose, render

    findings = diagnose(PROJECT)
    Console().print(render(findings))
    return int(any(finding.level == "problem" for finding in findings))


def _ui(arguments: Namespace) -> int:
    from intraday_rl.tracking import project_store, serve_ui

    return serve_ui(project_store(PROJECT), arguments.host, arguments.port)


def _dashboard(arguments: Namespace) -> int:
    from intraday_rl.tracking import journal_of, serve_dashboard

    return serve_dashboard(journal_of(arguments.folder, SWEEPS), arguments.host, arguments.port)


def _storage_server(arguments: Namespace) -> int:
    from intraday_rl.app.trials.storage_server import serve_storage

    serve_storage(arguments.storage, arguments.journal, arguments.host, arguments.port)
    return 0


def _check_data(arguments: Namespace) -> int:
    from intraday_rl.app.data_tools.check_data import check_data

    return check_data(arguments)


def _features(arguments: Namespace) -> int:
    from intraday_rl.app.data_tools.feature_report import report_features

    report_features(arguments.overrides, arguments.html)
    return 0


def _features_page(arguments: Namespace) -> int:
    from intraday_rl.app.data_tools.features_page import PAGE, features_page

    if arguments.write:
        PAGE.write_text(features_page(), encoding="utf-8")
    else:
        print(features_page(), end="")
    return 0


def _freeze(arguments: Namespace) -> int:
    given = [value for value in (arguments.run, arguments.name) if value is not None]
    if (arguments.check is None and len(given) < 2) or (arguments.check is not None and (given or arguments.tag)):
        arguments.parser.error("give RUN and NAME, or --check NAME alone")
    from intraday_rl.app.phases import baselines

    if arguments.check is None:
        print(f"frozen as {baselines.freeze(arguments.run, arguments.name, arguments.tag)}")
        return 0
    wrong = baselines.check(arguments.check)
    print("\n".join(wrong or [f"baseline {arguments.check} is as it was frozen"]))
    return int(bool(wrong))


def _ensemble(arguments: Namespace) -> int:
    from intraday_rl.app.combining.ensemble import combine_runs

    print(combine_runs(arguments.runs, arguments.out))
    return 0


def _phases(arguments: Namespace) -> int:
    from rich.console import Console

    from intraday_rl.app.phases.sequence import chosen_phases, run_phases, train_in_process

    phases = chosen_phases(arguments.first, arguments.last)
    return run_phases(phases, arguments.overrides, arguments.accept_undecided, Console(), train_in_process)


def _study(arguments: Namespace) -> int:
    from intraday_rl.app.studies.command import study

    return study(arguments)
