"""A CircleCI project on this machine: what a push triggers, run job by job.

Every job gets a clone of its own, CircleCI's variables and those of its contexts, and
bash runs its own commands. What is no command (caches, artifacts) has no effect here.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from circleci_simulator import simulator
from circleci_simulator.checker import check_pair
from circleci_simulator.compiler import Job, compile_jobs
from circleci_simulator.document import load
from circleci_simulator.steps import Ended, run_steps

ROOT = Path(__file__).parents[4]
# The workflow of every pipeline is these tests.
ALWAYS = ("test", "required")
HIDDEN = ("AWS_", "CI", "GIT", "MODEL_", "PIPELINE_", "SAGEMAKER_")
# Its sitecustomize.py is run by every Python that starts.
RECORDER = Path(__file__).parent / "recorder"
# Deploy markers go to a file.
FAKE_CIRCLECI = '#!/bin/sh\necho "$@" >> "$CIRCLECI_CALLS"\n'


@dataclass(frozen=True, kw_only=True)
class Project:
    """A remote repository that CircleCI follows, with the organization's contexts."""

    remote: Path
    folder: Path
    contexts: Mapping[str, Mapping[str, str]]

    def __post_init__(self) -> None:
        """Put the programs that only CircleCI's machines have where jobs find them."""
        program = self.folder / "bin" / "circleci"
        program.parent.mkdir(parents=True)
        program.write_text(FAKE_CIRCLECI)
        program.chmod(0o755)

    def trigger(
        self, branch: str, *, before: str | None = None, **parameters: Any
    ) -> "Triggered":
        """Run the setup workflow of a branch's newest commit."""
        sha = _git("-C", self.remote, "rev-parse", f"refs/heads/{branch}").strip()
        triggered = Triggered(
            project=self,
            branch=branch,
            sha=sha,
            before=before,
            parameters=parameters,
            folder=self.folder / uuid.uuid4().hex[:8],
        )
        triggered.set_up()
        return triggered

    @property
    def calls(self) -> str:
        """Read how the jobs called the `circleci` command."""
        file = self.folder / "circleci-calls"
        return file.read_text() if file.exists() else ""

    def aws_calls(self, context: str) -> Path:
        """Name the file that lists what jobs with a context ask of AWS."""
        return self.folder / f"aws-calls-{context}"

    def clone(self, folder: Path, branch: str, sha: str) -> None:
        """Check out as CircleCI does: all branches, and the commit on its own."""
        _git("clone", "--quiet", self.remote, folder)
        _git("-C", folder, "checkout", "--quiet", "--force", "-B", branch, sha)

    def environment(self, clone: Path) -> dict[str, str]:
        """Give what every job has: a machine's environment without ours."""
        path = (self.folder / "bin", Path(sys.executable).parent, os.environ["PATH"])
        kept = {k: v for k, v in os.environ.items() if not k.startswith(HIDDEN)}
        return kept | {
            "PATH": os.pathsep.join(map(str, path)),
            # `make setup` installs the checkout, so that kernels import its runner;
            # a project of tiny models has none of its own.
            "PYTHONPATH": os.pathsep.join(map(str, (clone, ROOT, RECORDER))),
            "CIRCLECI_CALLS": str(self.folder / "circleci-calls"),
        }


@dataclass(kw_only=True)
class Triggered:
    """One pipeline: its setup job, then the workflows that it continued with."""

    project: Project
    branch: str
    sha: str
    before: str | None
    parameters: Mapping[str, Any]
    folder: Path
    config: str = ""
    ended: dict[str, Ended] = field(default_factory=dict)
    workflows: dict[str, list[str]] = field(default_factory=dict)

    @property
    def setup(self) -> Ended:
        """Give the job that selected the models."""
        return next(iter(self.ended.values()))

    def set_up(self) -> None:
        """Run the setup job, and take what it continues with."""
        clone = self.folder / "config"
        self.project.clone(clone, self.branch, self.sha)
        text = (clone / ".circleci" / "config.yml").read_text()
        (name,) = simulator.executed(load(text), self._pipeline)
        ended = self._run(self._compiled(text)[name])
        assert ended.status == "success", ended.log
        self.config = (ended.clone / "build" / "continuation.yml").read_text()
        assert check_pair(text, self.config) == []

    def run(self, *, approved: bool = False) -> dict[str, Ended]:
        """Run every job of a model that may run and has not, and give those."""
        jobs = self._compiled(self.config)
        ran: dict[str, Ended] = {}
        while name := self._next(jobs, approved):
            ran[name] = self._run(jobs[name])
        return ran

    def rerun(self, name: str) -> Ended:
        """Run a job again: in a new workflow, with the old one's workspace."""
        job = self._compiled(self.config)[name]
        self.workflows[job.workflow].append(uuid.uuid4().hex)
        return self._run(job)

    @property
    def jobs(self) -> list[str]:
        """Name the models' jobs that run when all goes well and is approved."""
        names = simulator.executed(load(self.config), self._pipeline)
        assert tuple(names[:2]) == ALWAYS
        return names[2:]

    @property
    def _pipeline(self) -> simulator.Pipeline:
        return simulator.Pipeline(branch=self.branch, parameters=self.parameters)

    def _next(self, jobs: Mapping[str, Job], approved: bool) -> str | None:
        outcomes = {name: ended.status for name, ended in self.ended.items()}
        found = simulator.executed(
            load(self.config), self._pipeline, outcomes=outcomes, approved=approved
        )
        done = {*self.ended, *ALWAYS}
        return next(
            (n for n in found if n not in done and jobs[n].kind == "build"), None
        )

    def _compiled(self, text: str) -> dict[str, Job]:
        values = {
            "pipeline.id": "p",
            "pipeline.number": 1,
            "pipeline.git.branch": self.branch,
            "pipeline.git.revision": self.sha,
            "pipeline.git.base_revision": self.before,
            "pipeline.project.slug": "gh/team/models",
        }
        given = {f"pipeline.parameters.{k}": v for k, v in self.parameters.items()}
        return {job.name: job for job in compile_jobs(text, values | given)}

    def _run(self, job: Job) -> Ended:
        """Run a job's steps in a clone of its own."""
        place = self.folder / f"{job.name}-{uuid.uuid4().hex[:6]}"
        clone = place / "project"
        self.project.clone(clone, self.branch, self.sha)
        ended = run_steps(job, clone, self._environment(job, place))
        self.ended[job.name] = ended
        return ended

    def _environment(self, job: Job, place: Path) -> dict[str, str]:
        """Join what the machine, CircleCI, the contexts and the job itself set."""
        identity = uuid.uuid4().hex
        ids = self.workflows.setdefault(job.workflow, [uuid.uuid4().hex])
        variables = {
            "CI": "true",
            "CIRCLECI": "true",
            "CIRCLE_BRANCH": self.branch,
            "CIRCLE_SHA1": self.sha,
            "CIRCLE_JOB": job.name,
            "CIRCLE_BUILD_URL": f"https://circleci.com/gh/team/models/{identity}",
            "CIRCLE_USERNAME": "ada",
            "CIRCLE_WORKFLOW_JOB_ID": identity,
            "CIRCLE_WORKFLOW_ID": ids[-1],
            "CIRCLE_WORKFLOW_WORKSPACE_ID": ids[0],
            "BASH_ENV": str(place / "bash-env"),
            "AWS_CALLS": str(self.project.aws_calls("-".join(job.contexts))),
        }
        (place / "bash-env").touch()
        if job.contexts:
            variables["CIRCLE_OIDC_TOKEN_V2"] = "token"
        for context in job.contexts:
            variables |= self.project.contexts[context]
        return self.project.environment(place / "project") | variables | job.environment


def _git(*arguments: str | Path) -> str:
    return subprocess.run(
        ["git", *arguments], capture_output=True, text=True, timeout=60, check=True
    ).stdout
