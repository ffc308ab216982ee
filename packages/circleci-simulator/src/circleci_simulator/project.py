"""A CircleCI project on this machine: what a push triggers, run job by job.

Every job has a clone, a home directory and an environment of its own: CircleCI's
variables, those of the project and of the job's contexts, and few of this machine. The
programs that its commands call are those of this machine.
"""

import itertools
import os
import subprocess
import uuid
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from circleci_simulator.compile import Job, compile_jobs
from circleci_simulator.config import DEFAULT_PATH, Config, ConfigError, load
from circleci_simulator.expressions import evaluate, names
from circleci_simulator.simulate import executed, job_statuses
from circleci_simulator.steps import JobRun, Machine, install_agent, run_job
from circleci_simulator.workflows import Pipeline

# The variables of this machine that jobs see; HOME and TMPDIR are their own.
INHERITED = ("LANG", "LC_", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER")

# What restrictions of contexts know beside pipeline values: no job is rerun with SSH
# here, and configs come from the repository unless a test says `api`.
RESTRICTION_VALUES: Mapping[str, Any] = {
    "job.ssh.enabled": False,
    "pipeline.config_source": "vcs",
}


@dataclass(kw_only=True)
class Project:
    """A project that CircleCI follows: its repository, and its organization's contexts.

    remote: the git repository on this machine that pushes go to and jobs clone
    folder: where jobs run, and where their directories stay
    contexts: the environment variables of each context; a job with another context
        ends `unauthorized`
    restrictions: by context the expression that has to hold for a job that uses it; one
        that names a value which the pipeline does not have does not hold
    environment: the project's environment variables
    replaced_steps: commands to run instead of those of `run` steps, by the name of
        the step: `true` for a step that installs what this machine has already
    skipped_jobs: jobs that are not run here, and count as successful
    slug: the project's slug, `<type>/<organization>/<project>`; with the type
        `circleci` its pipelines are those of the GitHub App
    user: who pushes
    orbs: sources of orbs, see `load`
    inherited: variables of this machine that jobs see, by the start of their names
    step_timeout: seconds after which a step has failed
    concurrency: how many jobs of a pipeline may run at once
    """

    remote: Path
    folder: Path
    contexts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    restrictions: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    replaced_steps: Mapping[str, str] = field(default_factory=dict)
    skipped_jobs: frozenset[str] = frozenset()
    slug: str = "gh/organization/project"
    user: str = "user"
    default_branch: str = "main"
    orbs: Mapping[str, str | None] = field(default_factory=dict)
    inherited: tuple[str, ...] = INHERITED
    step_timeout: float = 300
    concurrency: int = 2

    def __post_init__(self) -> None:
        """Install the programs that only CircleCI's machines have."""
        self.remote, self.folder = self.remote.resolve(), self.folder.resolve()
        install_agent(self.folder / "bin", self.folder / "circleci-calls")
        self._pipeline_numbers = itertools.count(1)
        self._job_numbers = itertools.count(1)

    @property
    def circleci_calls(self) -> str:
        """Return the arguments of every call of `circleci` by a job, one a line."""
        file = self.folder / "circleci-calls"
        return file.read_text() if file.exists() else ""

    def trigger(
        self,
        branch: str | None = None,
        *,
        tag: str | None = None,
        config_path: str = DEFAULT_PATH,
        parameters: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> "PipelineRun":
        """Trigger a pipeline for the newest commit of a branch, or for a tag.

        A setup workflow is run at once, and the pipeline continued. Everything else
        runs with `PipelineRun.run`.

        config_path: the config file of the pipeline definition, such as
            `.circleci/rollback.yml`
        parameters: pipeline parameters
        values: further pipeline values, such as `pipeline.deploy.target_version`

        ConfigError: the config cannot be read, or does not take the parameters.
        """
        reference = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}"
        sha = self._git("rev-parse", f"{reference}^{{commit}}").strip()
        number = next(self._pipeline_numbers)
        pipeline = Pipeline(
            branch=None if tag else branch,
            tag=tag,
            default_branch=self.default_branch,
            parameters=parameters or {},
            values={
                "pipeline.id": str(uuid.uuid4()),
                "pipeline.number": number,
                "pipeline.project.slug": self.slug,
                "pipeline.git.revision": sha,
                # Pipelines of GitHub OAuth have this one config file.
                **(
                    {"pipeline.config.ref": reference}
                    if self.slug.startswith("circleci/") or config_path != DEFAULT_PATH
                    else {}
                ),
                **(values or {}),
            },
        )
        run = PipelineRun(
            project=self,
            pipeline=pipeline,
            folder=self.folder / f"pipeline-{number}",
            config=self._git("show", f"{sha}:{config_path}"),
        )
        run._set_up()
        return run

    def _clone(self, directory: Path, pipeline: Pipeline) -> None:
        """Clone all branches, and check out the pipeline's commit, as CircleCI does."""
        # The clone reads the remote's objects instead of copying them.
        self._git("clone", "--quiet", "--shared", str(self.remote), str(directory))
        where = ["-B", pipeline.branch] if pipeline.branch else ["--detach"]
        sha = pipeline.values["pipeline.git.revision"]
        arguments = ("checkout", "--quiet", "--force", *where, sha)
        self._git(*arguments, directory=directory)

    def _job_number(self) -> int:
        """Return the next job number of the project."""
        return next(self._job_numbers)

    def _machine_environment(self) -> dict[str, str]:
        """Return the variables that jobs have of this machine, and of the project."""
        kept = {k: v for k, v in os.environ.items() if k.startswith(self.inherited)}
        path = os.pathsep.join((str(self.folder / "bin"), os.environ["PATH"]))
        return kept | {"PATH": path} | dict(self.environment)

    def _git(self, *arguments: str, directory: Path | None = None) -> str:
        """Run git in the remote, or in a clone of it."""
        found = subprocess.run(
            ["git", "-C", str(directory or self.remote), *arguments],
            env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if found.returncode:
            raise ConfigError(f"git {arguments[0]}: {found.stderr.strip()}")
        return found.stdout


@dataclass(kw_only=True)
class PipelineRun:
    """A pipeline of a project: its config, and the jobs that have run.

    pipeline: what it was triggered with, and what its setup workflow passed
    folder: where its jobs run
    config: its text; of a pipeline that was continued, what it was continued with
    setup_jobs: the jobs of the setup workflow
    jobs: the other jobs that have run, by name; by `workflow/name` where two
        workflows have a job of that name
    """

    project: Project
    pipeline: Pipeline
    folder: Path
    config: str
    setup_jobs: dict[str, JobRun] = field(default_factory=dict)
    jobs: dict[str, JobRun] = field(default_factory=dict)
    _workflow_ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def sha(self) -> str:
        """Return the commit that it was triggered for."""
        return str(self.pipeline.values["pipeline.git.revision"])

    @property
    def executed(self) -> list[str]:
        """Name the jobs that it executes when all succeed and are approved."""
        return executed(self._loaded(), self.pipeline)

    def _set_up(self) -> None:
        """Run the setup workflow, if there is one, and continue the pipeline."""
        if not self._loaded().data.get("setup"):
            return
        declared = self._loaded().section("parameters")
        self.setup_jobs = self.run()
        for ended in self.setup_jobs.values():
            if ended.continuation:
                given, passed = self.pipeline.parameters, ended.continuation.parameters
                for name in given.keys() & passed.keys():
                    if given[name] != declared[name].get("default"):
                        raise ConfigError("Conflicting pipeline parameters.")
                self.pipeline = replace(self.pipeline, parameters={**given, **passed})
                self.config, self.jobs = ended.continuation.config, {}
                # CircleCI takes no parameters that the config does not declare.
                self.pipeline.values_in(self._loaded())

    def run(self, *, approved: bool | frozenset[str] = False) -> dict[str, JobRun]:
        """Run every job that may run and has not, and return those.

        approved: whether the approvals are given, or the names of those that are
        """
        compiled = self._compiled()
        ran: dict[str, JobRun] = {}
        running: dict[Future[JobRun], str] = {}
        with ThreadPoolExecutor(self.project.concurrency) as threads:
            while True:
                for name in self._ready(compiled, approved):
                    if name not in running.values():
                        running[threads.submit(self._run, compiled[name])] = name
                if not running:
                    return ran
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for one in done:
                    name = running.pop(one)
                    ran[name] = self.jobs[name] = one.result()

    def rerun(self, name: str) -> JobRun:
        """Rerun a job: in a new workflow, which has the workspace of the old one."""
        job = self._compiled()[name]
        self._workflow_ids.setdefault(job.workflow, []).append(str(uuid.uuid4()))
        self.jobs[name] = self._run(job)
        return self.jobs[name]

    def _loaded(self) -> Config:
        return load(self.config, self.project.orbs)

    def _compiled(self) -> dict[str, Job]:
        """Compile every job, by the name that `jobs` has for it."""
        found = compile_jobs(self._loaded(), self.pipeline)
        times = Counter(one.name for one in found)
        return {
            one.name if times[one.name] == 1 else f"{one.workflow}/{one.name}": one
            for one in found
        }

    def _ready(
        self, compiled: Mapping[str, Job], approved: bool | frozenset[str]
    ) -> list[str]:
        """Name the jobs that may run and have not ended."""
        ended = {name: one.status for name, one in self.jobs.items()}
        skipped = dict.fromkeys(self.project.skipped_jobs, "success")
        found = job_statuses(
            self._loaded(),
            self.pipeline,
            outcomes=skipped | ended,
            approved=approved,
            default="running",
        )
        return [
            one.name if one.name in compiled else f"{one.workflow}/{one.name}"
            for one in found
            if one.status == "running"
        ]

    def _run(self, job: Job) -> JobRun:
        """Run a job's steps in a home of its own."""
        number = self.project._job_number()
        home = self.folder / f"{number}-{job.name.replace('/', '-')}"
        home.mkdir(parents=True)
        if refusal := self._refusal(job):
            return JobRun(
                name=job.name, status="unauthorized", log=refusal, directory=home
            )
        ids = self._workflow_ids.setdefault(job.workflow, [str(uuid.uuid4())])
        machine = Machine(
            home=home,
            environment=self._environment(job, number, ids),
            checkout=lambda directory: self.project._clone(directory, self.pipeline),
            workspace=self.folder / f"workspace-{ids[0]}",
            replaced=self.project.replaced_steps,
            timeout=self.project.step_timeout,
            continues=bool(self._loaded().data.get("setup")),
        )
        return run_job(job, machine)

    def _refusal(self, job: Job) -> str:
        """Say why a job may not use its contexts; "" if it may."""
        if unknown := set(job.contexts) - self.project.contexts.keys():
            return f"no context is called {', '.join(sorted(unknown))}"
        values = {**RESTRICTION_VALUES, **self.pipeline.values_in(self._loaded())}
        for context in job.contexts:
            expression = self.project.restrictions.get(context, "true")
            # Parameters of a pipeline are no values here.
            known = {
                name: values[name]
                for name in names(expression)
                if values.get(name) is not None and ".parameters." not in name
            }
            if known.keys() != {*names(expression)} or not evaluate(expression, known):
                return f"context {context!r} is restricted to {expression}"
        return ""

    def _environment(self, job: Job, number: int, ids: list[str]) -> dict[str, str]:
        """Join the variables of the machine, the contexts and CircleCI."""
        project, values = self.project, self.pipeline.values
        _, organization, repository = [*project.slug.split("/"), "", ""][:3]
        found = project._machine_environment()
        for context in job.contexts:
            found |= project.contexts[context]
        found |= {
            "CI": "true",
            "CIRCLECI": "true",
            "CIRCLE_BUILD_NUM": str(number),
            "CIRCLE_BUILD_URL": f"https://circleci.com/{project.slug}/{number}",
            "CIRCLE_JOB": job.name,
            "CIRCLE_NODE_INDEX": "0",
            "CIRCLE_NODE_TOTAL": "1",
            "CIRCLE_PIPELINE_ID": values["pipeline.id"],
            "CIRCLE_PROJECT_REPONAME": repository,
            "CIRCLE_PROJECT_USERNAME": organization,
            "CIRCLE_REPOSITORY_URL": str(project.remote),
            "CIRCLE_SHA1": self.sha,
            "CIRCLE_USERNAME": project.user,
            "CIRCLE_WORKFLOW_ID": ids[-1],
            "CIRCLE_WORKFLOW_JOB_ID": str(uuid.uuid4()),
            "CIRCLE_WORKFLOW_WORKSPACE_ID": ids[0],
        }
        if self.pipeline.tag:
            found["CIRCLE_TAG"] = self.pipeline.tag
        else:
            found["CIRCLE_BRANCH"] = str(self.pipeline.branch)
        if job.contexts:
            # It is not a valid token; a job can see that it has one.
            found |= dict.fromkeys(
                ("CIRCLE_OIDC_TOKEN", "CIRCLE_OIDC_TOKEN_V2"), "token"
            )
        return found
