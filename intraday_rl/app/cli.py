"""The command lines of the root scripts: Hydra's, with every error in one line and exit statuses that scripts can use.

Exit status: 0 = done, 1 = refused or failed, 130 and 143 = stopped by Ctrl-C or SIGTERM. What is wrong with a
configuration is found before Hydra makes a folder. Heavy libraries are imported when a task starts.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from intraday_rl.app.command_line.groups import CONF, PRIMARY
from intraday_rl.app.command_line.messages import say, stop_status, stop_words
from intraday_rl.core.errors import ConfigError, IntradayError

FULL_ERRORS = "HYDRA_FULL_ERROR"  # makes Hydra raise what went wrong, instead of printing a traceback of its own
NOT_OFFERED = ("config_path", "config_name", "config_dir", "experimental_rerun")


def run(task: Callable[..., object], argv: Sequence[str]) -> int:
    """Run a command line of Hydra's and return the exit status.

    Args:
        task: called for each run with the resolved configuration, the run folder and the overrides; its docstring's
            first line is shown in the help text.
        argv: the arguments, without the script's name.
    """
    if "--help" in argv or "-h" in argv:
        from intraday_rl.app.command_line.help_text import help_text

        print(help_text(Path(sys.argv[0]).name, (task.__doc__ or "").strip().splitlines()[0]))
        return 0
    return guard(lambda: _dispatch(task, argv))


def guard(work: Callable[[], int]) -> int:
    """Return the status of the work; its errors and interrupts become one line and a status."""
    try:
        return work()
    except IntradayError as error:
        say(f"error: {error}")
        return 1
    except PermissionError as error:
        say(f"error: {error.filename}: permission denied; let your user read and write it, or choose another path")
        return 1
    except KeyboardInterrupt as stop:
        say(stop_words(stop))
        return stop_status(stop)


def _dispatch(task: Callable[..., object], argv: Sequence[str]) -> int:
    arguments = _parse(argv)
    argv = _overrides_last(argv, arguments.overrides)
    from intraday_rl.app.command_line.overrides import asks_for_sweep
    from intraday_rl.app.compose import precheck, register_resolvers, show

    if arguments.cfg == "job" and not arguments.multirun:
        sys.stdout.write(show(arguments.overrides, arguments.package, arguments.resolve))
        return 0
    register_resolvers()
    if _is_run(arguments):
        if asks_to_resume(arguments.overrides):
            from intraday_rl.app.resuming.resumption import resumption_of

            resumption = resumption_of(arguments.overrides, arguments.multirun)
            if resumption is not None:
                return _run_jobs(task, [resumption.override], resumption.register())
        if asks_for_sweep(arguments.overrides, arguments.multirun):
            from intraday_rl.app.sweeping.request import read_request

            read_request(arguments.overrides)  # refuses what is wrong before Hydra begins
            return _run_sweep(argv)
        precheck(arguments.overrides, arguments.multirun)
        if any(text.startswith("hydra.run.dir=") for text in arguments.overrides) and not arguments.multirun:
            from intraday_rl.app.resuming.resumption import refuse_taken_folder

            refuse_taken_folder(arguments.overrides)
        return _run_jobs(task, argv, PRIMARY)
    _start_hydra(lambda config: None, argv, PRIMARY)
    return 0


def asks_to_resume(overrides: Sequence[str]) -> bool:
    """Say whether the command line names a run to go on with."""
    return any(text.startswith("resume=") for text in overrides)


def _parse(argv: Sequence[str]) -> Namespace:
    from hydra._internal.utils import get_args_parser

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{message}; --help shows what there is")

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args(list(argv))
    for name in NOT_OFFERED:
        if getattr(arguments, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is not offered: runs are composed from conf/ alone")
    return arguments


def _overrides_last(argv: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Return the flags, then the overrides: Hydra itself does not take overrides on both sides of a flag."""
    flags = list(argv)
    for override in overrides:
        flags.remove(override)
    return [*flags, *overrides]


def _is_run(arguments: Namespace) -> bool:
    shown = (arguments.cfg, arguments.info, arguments.shell_completion, arguments.hydra_help)
    return not any(shown)


def _run_sweep(argv: Sequence[str]) -> int:
    """Let Hydra hand the command line to the sweeper that `hparams` brings."""
    from intraday_rl.tracking.signals import sigterm_interrupts

    try:
        with sigterm_interrupts():
            _start_hydra(lambda config: None, argv, PRIMARY)
    except KeyboardInterrupt as stop:
        say(f"{stop_words(stop)}; finished trials are kept: go on with the same command")
        return stop_status(stop)
    return 0


def _run_jobs(task: Callable[..., object], argv: Sequence[str], config_name: str) -> int:
    from intraday_rl.app.command_line.jobs import Jobs, drop_if_bare
    from intraday_rl.tracking.signals import sigterm_interrupts

    jobs = Jobs(task)
    try:
        with sigterm_interrupts():
            _start_hydra(jobs, argv, config_name)
    except KeyboardInterrupt as stop:
        say(stop_words(stop) + jobs.stopped())
        return stop_status(stop)
    finally:
        if jobs.sweep is not None:
            drop_if_bare(jobs.sweep)
    return int(jobs.failed)


def _start_hydra(job: Callable[..., object], argv: Sequence[str], config_name: str) -> None:
    """Let Hydra act on the arguments, which are about the configuration of that name.

    Raises:
        ConfigError: Hydra refuses them, or the run folder cannot be made.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from intraday_rl.app.command_line.choices import HYDRA_VERSION
    from intraday_rl.app.compose import one_line

    main = hydra.main(config_path=str(CONF), config_name=config_name, version_base=HYDRA_VERSION)(job)
    with _arguments(argv):
        try:
            main()
        except (HydraException, OmegaConfBaseException, OSError, ValueError) as error:
            raise ConfigError(one_line(error)) from error


@contextmanager
def _arguments(argv: Sequence[str]) -> Iterator[None]:
    """Put the arguments where Hydra reads them, and let it raise its errors."""
    former_arguments, former_errors = sys.argv, os.environ.get(FULL_ERRORS)
    sys.argv = [sys.argv[0], *argv]
    os.environ[FULL_ERRORS] = "1"
    try:
        yield
    finally:
        sys.argv = former_arguments
        if former_errors is None:
            del os.environ[FULL_ERRORS]
        else:
            os.environ[FULL_ERRORS] = former_errors
