"""The command `circleci-simulator`: check configs, and list the jobs of a pipeline."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from circleci_simulator.checks import check, check_pair, pushes
from circleci_simulator.config import Config, ConfigError, load
from circleci_simulator.expressions import ExpressionError
from circleci_simulator.simulate import IDLE, job_statuses
from circleci_simulator.workflows import Pipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 0 if nothing is wrong, 1 if something is, 2 for a wrong call."""
    given = _parser().parse_args(arguments)
    try:
        lines = list(given.run(given))
    except (ConfigError, ExpressionError, OSError, UnicodeDecodeError) as error:
        print(f"circleci-simulator: {error}", file=sys.stderr)
        return 1
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if given.run is _check and lines else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="circleci-simulator", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb, run, text in (
        ("check", _check, "print what is wrong with configs, one problem a line"),
        ("jobs", _jobs, "print the jobs that a pipeline executes, one a line"),
    ):
        one = verbs.add_parser(verb, help=text, description=text)
        one.set_defaults(run=run)
        one.add_argument(
            "--orb", action="append", default=[], metavar="NAME@VERSION[=FILE]",
            help="the source of an orb; without a file, its use is not checked",
        )  # fmt: skip
        one.add_argument("--default-branch", default="main", metavar="NAME")
        if run is _check:
            _add_check_arguments(one)
        else:
            _add_jobs_arguments(one)
    return parser


def _add_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="+", type=Path)
    parser.add_argument(
        "--setup", type=Path, metavar="FILE",
        help="the setup config that continues with these configs",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="TEXT",
        help="leave out problems that contain a text, such as 'free text'",
    )  # fmt: skip


def _add_jobs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--branch")
    where.add_argument("--tag")
    parser.add_argument(
        "--parameter", action="append", default=[], type=_pair, metavar="NAME=VALUE",
        help="a pipeline parameter",
    )  # fmt: skip
    parser.add_argument(
        "--value", action="append", default=[], type=_pair, metavar="NAME=VALUE",
        help="a pipeline value, such as pipeline.deploy.target_version=7",
    )  # fmt: skip
    parser.add_argument(
        "--outcome", action="append", default=[], type=_pair, metavar="JOB=STATUS",
        help="how a job ends, such as test=failed; others succeed",
    )  # fmt: skip
    parser.add_argument(
        "--unapproved", action="store_true", help="nobody gives the approvals"
    )


def _check(given: argparse.Namespace) -> Iterator[str]:
    """Print what is wrong with each file."""
    orbs, pipelines = _orbs(given), pushes(given.default_branch)
    setup = given.setup.read_text(encoding="utf-8") if given.setup else None
    for file in given.file:
        text = file.read_text(encoding="utf-8")
        if setup is None:
            problems = check(text, pipelines, orbs=orbs)
        else:
            problems = check_pair(setup, text, pipelines, orbs=orbs)
        for problem in problems:
            if not any(ignored in problem for ignored in given.ignore):
                yield f"{file}: {' '.join(problem.split())}"


def _jobs(given: argparse.Namespace) -> Iterator[str]:
    """Print each job as `workflow: name`, and its type if it has no steps."""
    config = load(given.file.read_text(encoding="utf-8"), _orbs(given))
    pipeline = Pipeline(
        branch=given.branch,
        tag=given.tag,
        default_branch=given.default_branch,
        parameters=_parameters(config, given.parameter),
        values=dict(given.value),
    )
    for one in job_statuses(
        config,
        pipeline,
        outcomes=dict(given.outcome),
        approved=not given.unapproved,
    ):
        if one.status not in IDLE or one.status == "on_hold":
            notes = [] if one.type == "build" else [one.type]
            notes += [] if one.status == "success" else [one.status]
            shown = f" ({', '.join(notes)})" if notes else ""
            yield f"{one.workflow}: {one.name}{shown}"


def _orbs(given: argparse.Namespace) -> dict[str, str | None]:
    pairs = (text.partition("=") for text in given.orb)
    return {
        reference: Path(file).read_text(encoding="utf-8") if file else None
        for reference, _, file in pairs
    }


def _parameters(config: Config, given: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Read parameters as the types that the config declares."""
    found: dict[str, Any] = {}
    for name, text in given:
        kind = (config.section("parameters").get(name) or {}).get("type")
        found[name] = yaml.safe_load(text) if kind in ("boolean", "integer") else text
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
