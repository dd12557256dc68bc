"""`python evaluate.py run=PATH`: judge a saved bundle again, on its own test sessions or on other data.

Everything but the data is the bundle's own: features, observation, actions, costs and risk rules.
"""

from __future__ import annotations

import json
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import BundleError, ConfigError, IntradayError

USAGE = """\
python evaluate.py run=PATH [sessions=test|validation|all] [stress=NAME] [seeds=N] [data=GROUP] [data.KEY=VALUE ...]

  run=PATH        a run folder, a bundle folder copied from one, or the folder of an ensemble
  sessions=PART   which sessions to judge on: test (default on the data of the run), validation, or all (default on
                  other data)
  data...         judge on other data, with the same overrides that train.py takes, such as
                  data=historical data.path=FOLDER data.symbols=[SPY]
  stress=NAME     in a market that is worse: costs_x2, latency_x5 or half_liquidity (conf/market/stress)
  seeds=N         also under N seeds of execution noise, the run's own among them: mean, min and max of the main
                  figures, in seeds.json
  plugins=[MODULE,...]
                  modules of your own that the policy's reward terms, rules or models come from
  features.smt.path=PATH, features.vix.path=PATH, features.vix.minutes=PATH
                  where the bars of other symbols and the VIX are, for a policy that reads them

Costs, features, actions and risk rules are the bundle's own; stress multiplies its costs. Results go to
PATH/evaluations/<time>_<id>/.
"""
PARTS = ("test", "validation", "all")
OTHER_SESSIONS = {  # part -> the judged sessions in words, where they are of other data than the run's
    "test": "sessions of other data (its last part)",
    "validation": "sessions of other data (its middle part)",
    "all": "sessions of other data",
}
OWN_KEYS = ("run", "sessions", "stress", "seeds", "plugins")
FEWEST_SEEDS = 2
REFERENCE_PATHS = ("features.smt.path", "features.vix.path", "features.vix.minutes")
MANIFEST_KEYS = ("data_fingerprint", "packages", "seeds", "git", "overrides", "seen_sessions")


@dataclass(frozen=True)
class Request:
    """What the command line asks for; `sessions` is None where it leaves the choice to us."""

    run: str
    sessions: str | None
    data_overrides: tuple[str, ...]
    stress: str | None
    seeds: int | None
    plugins: tuple[str, ...]


def parse(argv: Sequence[str]) -> Request:
    """Return the request that the arguments make.

    Raises:
        ConfigError: an argument is not understood, or `run` is missing.
    """
    given: dict[str, str] = {}
    data: list[str] = []
    for argument in argv:
        key, separator, value = argument.partition("=")
        if key == "data" or key.startswith("data.") or (separator and key in REFERENCE_PATHS):
            data.append(argument)
        elif separator and key in OWN_KEYS:
            given[key] = value
        else:
            hint = nearest(key, (*OWN_KEYS, "data"))
            raise ConfigError(
                f"evaluate.py takes {', '.join(f'{name}=' for name in OWN_KEYS)} and data overrides only, was "
                f"{argument!r}{hint}; the rest is the bundle's own"
            )
    if "run" not in given:
        raise ConfigError("evaluate.py needs run=PATH, a run folder or a bundle folder")
    sessions = given.get("sessions")
    if sessions is not None and sessions not in PARTS:
        raise ConfigError(f"sessions must be one of {', '.join(PARTS)}, was {sessions!r}")
    plugins = [name.strip() for name in given.get("plugins", "").strip("[]").split(",") if name.strip()]
    return Request(given["run"], sessions, tuple(data), given.get("stress"), _seeds(given), tuple(plugins))


def _seeds(given: Mapping[str, str]) -> int | None:
    """Return how many seeds are asked for."""
    if "seeds" not in given:
        return None
    text = given["seeds"]
    if not text.isdecimal() or int(text) < FEWEST_SEEDS:
        raise ConfigError(f"seeds must be a whole number >= {FEWEST_SEEDS} (seeds of execution noise), was {text!r}")
    return int(text)


def evaluate(request: Request, console: Console) -> dict[str, Any]:
    """Judge the bundle and write the evaluation folder.

    Returns:
        The table of `metrics.json`.

    Raises:
        IntradayError: the bundle, the data or the accounting are wrong.
    """
    import torch

    from intraday_rl.agents.bundle_reading import load_bundle
    from intraday_rl.app.build import resolve_path
    from intraday_rl.app.combining.seeds import execution_seeds, report_seeds
    from intraday_rl.app.judging import cost_words, judge_bundle, report_data, write_judgement
    from intraday_rl.app.learning.expert import expert_beside
    from intraday_rl.app.market_data import Frozen, load_market_data
    from intraday_rl.app.phases.reporting import PhasePlaces, report_phase
    from intraday_rl.app.summary import print_summary
    from intraday_rl.app.trials.places import registry_folder_of_bundle
    from intraday_rl.app.trials.registrar import Registrar
    from intraday_rl.evaluation.report import write_report

    torch.set_num_threads(1)
    bundle = load_bundle(resolve_path(request.run))
    config = _config(bundle, request.data_overrides) | {"plugins": list(request.plugins)}
    stress = None if request.stress is None else _stress(request.stress)
    plan = _plan(bundle, config)
    with console.status("loading bars and features"):
        data = load_market_data(plan, Frozen.from_json(bundle.parts["judging.json"]))
    bundle.check_fits(data.rules, data.features)
    if stress is not None:
        data = data.under(stress)
    chosen = _chosen(request, bundle, data)
    folder, run = _evaluation_folder(bundle.path), bundle.path.parent.name
    with console.status("judging"), Registrar(registry_folder_of_bundle(bundle.config), config, run) as registrar:
        count = partial(registrar.count, bundle.policy, data, chosen.sessions)
        judged = judge_bundle(bundle, data, chosen.sessions, config, expert_beside(data), count)
        write_judgement(folder, judged, chosen.words)
        report = report_data(
            judged,
            title=f"{run}, judged again",
            algorithm=config["algo"]["name"],
            description=data.describe(cost_words(data.plan), chosen.words, chosen.sizes),
            curve=pd.DataFrame(),
            manifest={key: bundle.manifest[key] for key in MANIFEST_KEYS[:4]},
            commands=[shlex.join(["python", "evaluate.py", *_arguments(request)])],
        )
        write_report(report, folder / "report.html", folder / "report.png")
    print_summary(console, judged, report, folder)
    if request.seeds is not None:
        report_seeds(console, bundle, data, chosen.sessions, execution_seeds(config["seed"], request.seeds), folder)
    report_phase(console, judged, data, config, PhasePlaces(chosen.words, bundle.path.parent, folder))
    whose = "the run's own data" if chosen.same_data else "other data than the run's"
    seen = f": {chosen.seen}" if chosen.seen else ""
    console.print(f"judged on {len(judged.portfolio[0])} sessions ({chosen.part}) of {whose}{seen}")
    if stress is not None:
        console.print(f"stress={request.stress}: {', '.join(f'{k} x {v:g}' for k, v in stress._asdict().items())}")
    elif chosen.same_data and chosen.part == bundle.config["evaluation"].get("judge_on", "test"):  # older runs: test
        console.print(_comparison(bundle.path.parent / "metrics.json", chosen.part, dict(judged.metrics)))
    return dict(judged.metrics)


class _Chosen(NamedTuple):
    """The sessions to judge on."""

    part: str  # one of PARTS
    same_data: bool  # whether they are of the run's own data
    sessions: npt.NDArray[np.int64]
    seen: str  # how many the policy has seen before, in words; "" where none, or where the part says it
    words: str  # all of this for the report
    sizes: tuple[int, int, int]  # sessions of training, validation and test


def _chosen(request: Request, bundle: Any, data: Any) -> _Chosen:
    from intraday_rl.app.judging import OWN_SESSIONS

    same_data = data.fingerprint == bundle.manifest["data_fingerprint"]
    part = request.sessions or ("test" if same_data else "all")
    sessions = data.all_sessions() if part == "all" else np.asarray(getattr(data.split, part))
    usable = data.tape.usable(sessions)
    seen = "" if same_data and part != "test" else _seen(bundle, data.session_digests(usable))
    words = (OWN_SESSIONS if same_data else OTHER_SESSIONS)[part] + (f" ({seen})" if seen else "")
    words += "" if request.stress is None else f" under stress={request.stress}"
    sizes = data.part_sizes() if same_data else (0, 0, len(usable))
    return _Chosen(part, same_data, sessions, seen, words, sizes)


def _stress(name: str) -> Any:
    """Return the multiples of a preset of conf/market/stress."""
    from intraday_rl.app.compose import compose
    from intraday_rl.core.coerce import coerce
    from intraday_rl.market.rows import Stress

    return coerce(Stress, compose([f"market/stress={name}"])["market"]["stress"])


def _seen(bundle: Any, judged: list[str]) -> str:
    """Return how many of the judged sessions the policy has seen before, in words; "" where none.

    Args:
        bundle: the bundle.
        judged: digests of the judged sessions, as `MarketData.session_digests` gives them.
    """
    known = {name: set(digests) for name, digests in bundle.seen_sessions().items()}
    trained, chosen = (sum(digest in known[name] for digest in judged) for name in ("training", "validation"))
    if not trained + chosen:
        return ""
    total = len(judged)
    return f"counted by symbol, the policy was trained on {trained} of {total} and chosen on {chosen}: no fresh test"


def _config(bundle: Any, data_overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return the bundle's configuration, its data node composed anew where other data are asked for."""
    for key in MANIFEST_KEYS:
        if key not in bundle.manifest:
            raise BundleError(f"bundle {bundle.path}: manifest.json lacks {key}; copy the bundle anew")
    config = dict(bundle.config)
    if data_overrides:
        from intraday_rl.app.compose import compose

        own = _own_overrides(bundle)
        if any(override.startswith("data=") for override in data_overrides):
            own = [override for override in own if not override.lstrip("+~").startswith("data")]
        composed = compose([*own, *data_overrides])
        config["data"] = composed["data"]
        config["features"] = {**config["features"], **{name: composed["features"][name] for name in ("smt", "vix")}}
    return config


def _own_overrides(bundle: Any) -> list[str]:
    """Return the overrides that the run was made with; those of Hydra itself are refused: they could import code."""
    from intraday_rl.app.command_line.overrides import is_hydras, parse

    own = bundle.manifest["overrides"]
    if any(is_hydras(override) for override in parse(own)):
        raise ConfigError(f"bundle {bundle.path}: its overrides change Hydra itself; judge it without data overrides")
    return list(own)


def _plan(bundle: Any, config: dict[str, Any]) -> Any:
    """Return the plan of a bundle's configuration, which may have been written by anyone."""
    from intraday_rl.agents.ensembles import NAME
    from intraday_rl.app.build import build_plan
    from intraday_rl.app.command_line.groups import list_groups
    from intraday_rl.app.command_line.settings import check_settings

    try:
        check_settings(config, [*list_groups()["algo"], NAME])
        return build_plan(config)
    except (KeyError, TypeError, AttributeError) as error:
        message = f"bundle {bundle.path}: config.json cannot be used, {error} is missing or misplaced"
        raise BundleError(f"{message}; copy the bundle anew") from error


def _evaluation_folder(bundle_path: Path) -> Path:
    name = f"{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(2)}"
    folder = bundle_path.parent / "evaluations" / name
    folder.mkdir(parents=True)
    return folder


def _arguments(request: Request) -> list[str]:
    sessions = [] if request.sessions is None else [f"sessions={request.sessions}"]
    stress = [] if request.stress is None else [f"stress={request.stress}"]
    seeds = [] if request.seeds is None else [f"seeds={request.seeds}"]
    plugins = [f"plugins=[{','.join(request.plugins)}]"] if request.plugins else []
    return [f"run={request.run}", *sessions, *stress, *seeds, *plugins, *request.data_overrides]


def _comparison(file: Path, part: str, metrics: dict[str, Any]) -> str:
    """Return a line that says whether the run's own metrics came out again."""
    if not file.is_file():
        return "the run's own metrics.json is not beside the bundle: nothing to compare with"
    own = json.loads(file.read_text())
    different = [key for key, value in own.items() if metrics.get(key) != value]
    if not different:
        return f"reproduces the run's own {part} metrics to the last digit"
    key = different[0]
    return f"does NOT reproduce the run's own {part} metrics: {key} is {metrics.get(key)!r}, was {own[key]!r}"


def main(argv: Sequence[str]) -> int:
    """Run the command line and return its exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 1
    try:
        evaluate(parse(argv), Console())
    except IntradayError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
