"""Where the reviewer already is: the address of the page, in the log and in GitHub."""

from collections.abc import Mapping
from pathlib import Path

import click

from runner import git
from runner.errors import CallError, RunnerError
from runner.github import State, find_commit
from runner.review.answer import answer
from runner.review.comment import comment
from runner.review.evidence import read_evidence
from runner.review.page import PAGE

ARTIFACTS = "https://output.circle-artifacts.com/output/job"


def announced(root: Path, model: str, environment: Mapping[str, str]) -> str:
    """Tell GitHub where the page of this job's run is, and give its address."""
    folder = root / "build" / model
    if not (folder / PAGE).is_file():
        raise CallError(f"build/{model}/{PAGE}: not there; run the model first")
    url = artifact_url(model, environment)
    try:
        _tell_github(root, folder, model, url, environment)
    except RunnerError as error:
        # The page is there all the same.
        click.echo(f"note: {error}", err=True)
    return url


def artifact_url(model: str, environment: Mapping[str, str]) -> str:
    """Give the address at which CircleCI shows the page; elsewhere its path."""
    path = f"build/{model}/{PAGE}"
    job = environment.get("CIRCLE_WORKFLOW_JOB_ID")
    node = environment.get("CIRCLE_NODE_INDEX", "0")
    return f"{ARTIFACTS}/{job}/artifacts/{node}/{path}" if job else path


def _tell_github(
    root: Path, folder: Path, model: str, url: str, environment: Mapping[str, str]
) -> None:
    origin = git.line(root, "remote", "get-url", "origin")
    commit = find_commit(environment, origin)
    if commit is None:
        return
    evidence = read_evidence(folder, model)
    said = answer(evidence)
    state: State = "failure" if said.tone == "bad" else "success"
    commit.set_status(model, state, f"{said.title}. {said.because}", url)
    commit.announce(model, comment(evidence, said, url))
