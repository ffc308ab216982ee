"""A job's steps, run one after the other on this machine, as CircleCI's agent does."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from circleci_simulator.compile import Job, environment_variables
from circleci_simulator.config import ConfigError

SHELL = "bash -eo pipefail"
# These have no effect here: no cache is ever found, artifacts stay where they are.
WITHOUT_EFFECT = frozenset(
    """
    add_ssh_keys install_signing_bundle restore_cache save_cache setup_remote_docker
    store_artifacts store_test_results
    """.split()  # noqa: SIM905
)
# `circleci-agent step halt` ends a job; other calls are written down. Deploy markers
# are refused as CircleCI refuses them: each is planned once in a workflow, and updated
# until it has ended.
AGENT = """\
#!/bin/sh
if [ "$*" = "step halt" ]; then touch "$BASH_ENV.halted"; exit; fi
echo "$@" >> {calls}
[ "$1 $2" = "run release" ] || exit 0
refuse() {{ echo "circleci run release $verb: $1" >&2; exit 1; }}
verb=$3 name=default status= version=
shift 3
while [ $# -gt 0 ]; do
  case $1 in
    --*=*) flag=${{1%%=*}} value=${{1#*=}} ;;
    --rollback) flag=$1 value= ;;
    --*) flag=$1 value=${{2-}}; [ $# -gt 1 ] || refuse "$1 has no value"; shift ;;
    *) flag= name=$1 ;;
  esac
  case $flag in
    --target-version) version=$value ;;
    --status) status=$value ;;
    ""|--environment-name|--component-name|--namespace|--rollback|--failure-reason) ;;
    *) refuse "unknown flag $flag" ;;
  esac
  shift
done
marker={calls}-markers/$CIRCLE_WORKFLOW_ID/$(printf %s "$name" | tr -c "a-zA-Z0-9.-" _)
case $verb in
  log|plan) [ -n "$version" ] || refuse "needs --target-version" ;;
  update)
    [ -f "$marker" ] || refuse "'$name' was not planned in this workflow"
    case $(cat "$marker") in
      SUCCESS|FAILED|CANCELED) refuse "'$name' has ended: $(cat "$marker")" ;;
    esac ;;
  *) refuse "unknown command" ;;
esac
case $verb in
  plan)
    [ ! -f "$marker" ] || refuse "'$name' was planned before in this workflow"
    mkdir -p "$(dirname "$marker")" && echo PENDING > "$marker" ;;
  update)
    status=$(printf %s "$status" | tr a-z A-Z)
    case $status in
      RUNNING|SUCCESS|FAILED|CANCELED) echo "$status" > "$marker" ;;
      *) refuse "unknown status '$status'" ;;
    esac ;;
esac
"""
# How a step fails that is wrong, or finds something else than it needs.
FAILURES = (ConfigError, KeyError, NotImplementedError, OSError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Continuation:
    """What a setup job continues its pipeline with: a config, and its parameters."""

    config: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """A job that ran on this machine.

    status: `success`, `failed`, or `unauthorized` where a context is not there
    log: everything that its steps wrote
    directory: its working directory, as the job left it
    """

    name: str
    status: str
    log: str
    directory: Path
    continuation: Continuation | None = None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a job finds where it runs.

    home: its home directory, which no other job has
    environment: all its environment variables
    checkout: clones the repository into a directory
    workspace: the directory that holds the workflow's workspace
    replaced: commands that run in place of those of `run` steps, by the step's name
    timeout: seconds after which a step has failed
    continues: whether the pipeline is a setup pipeline that has not been continued
    """

    home: Path
    environment: Mapping[str, str]
    checkout: Callable[[Path], None]
    workspace: Path
    replaced: Mapping[str, str]
    timeout: float
    continues: bool


def install_agent(folder: Path, calls: Path) -> None:
    """Write the programs `circleci` and `circleci-agent`, which note their calls."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("circleci", "circleci-agent"):
        program = folder / name
        program.write_text(AGENT.format(calls=shlex.quote(str(calls))))
        program.chmod(0o755)


def run_job(job: Job, machine: Machine) -> JobRun:
    """Run a job's steps until one fails, then those that run after a failure."""
    log = machine.home / "log"
    # A short path: the name of a socket may have at most a hundred characters.
    with (
        TemporaryDirectory(prefix="job-", ignore_cleanup_errors=True) as temporary,
        log.open("w") as output,
    ):
        agent = _Agent(job, machine, temporary, output)
        try:
            for name, details in job.steps:
                agent.take(name, details)
        finally:
            agent.stop()
    return JobRun(
        name=job.name,
        status=agent.status,
        log=log.read_text(errors="replace"),
        directory=agent.directory,
        continuation=agent.continuation,
    )


class _Agent:
    """Runs the steps of one job, and keeps its status."""

    def __init__(
        self, job: Job, machine: Machine, temporary: str, output: TextIO
    ) -> None:
        self.machine, self.output = machine, output
        self.directory = self._path(
            str(job.body.get("working_directory", "~/project")), machine.home
        )
        self.directory.mkdir(parents=True, exist_ok=True)
        bash_env = machine.home / "bash-env"
        bash_env.touch()
        self.halted = Path(f"{bash_env}.halted")
        self.environment = {
            "HOME": str(machine.home),
            "TMPDIR": temporary,
            **machine.environment,
            "BASH_ENV": str(bash_env),
            "CIRCLE_WORKING_DIRECTORY": str(self.directory),
            **job.environment,
        }
        self.shell = job.body.get("shell") or SHELL
        self.status = "success"
        self.continuation: Continuation | None = None
        self.background: list[subprocess.Popen[bytes]] = []
        self.kinds: dict[str, Callable[[dict[str, Any]], None]] = {
            "run": self._run,
            "deploy": self._run,
            "checkout": self._checkout,
            "persist_to_workspace": self._persist,
            "attach_workspace": self._attach,
            "continue": self._continue,
            "finish": self._finish,
        }

    def take(self, name: str, details: Any) -> None:
        """Run a step, unless the job was halted or its `when` does not hold."""
        if isinstance(details, str):
            details = {"command": details}
        details = details or {}
        moments = ("always", "on_success" if self.status == "success" else "on_fail")
        if self.halted.exists() or details.get("when", "on_success") not in moments:
            return
        if name in WITHOUT_EFFECT:
            self._say(f"{name}: has no effect here")
        elif name not in self.kinds:
            self._fail(f"{name}: cannot be run here")
        else:
            try:
                self.kinds[name](details)
            except FAILURES as error:
                self._fail(f"{name}: {error}")

    def stop(self) -> None:
        """Stop the commands that run in the background."""
        for process in self.background:
            _kill(process)

    def _say(self, text: str) -> None:
        self.output.write(f"{text}\n")
        self.output.flush()

    def _fail(self, text: str) -> None:
        self.status = "failed"
        self._say(text)

    def _path(self, text: str, base: Path) -> Path:
        """Find a path as a step means it: `~` is the job's home."""
        return self.machine.home / text[2:] if text[:2] in ("~", "~/") else base / text

    def _run(self, step: dict[str, Any]) -> None:
        name = step.get("name", step["command"])
        command = self.machine.replaced.get(name, step["command"])
        arguments = [*shlex.split(step.get("shell") or self.shell), "-c", command]
        directory = self._path(step.get("working_directory", "."), self.directory)
        environment = self.environment | environment_variables(step.get("environment"))
        for _ in range(1 + int(step.get("max_auto_reruns", 0))):
            process = subprocess.Popen(
                arguments,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            if step.get("background"):
                self.background.append(process)
                return
            if self._wait(process) == 0:
                return
        self.status = "failed"

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        try:
            return process.wait(self.machine.timeout)
        except subprocess.TimeoutExpired:
            self._say(f"no end after {self.machine.timeout:g} seconds")
            return 1
        finally:
            _kill(process)

    def _checkout(self, step: dict[str, Any]) -> None:
        self.machine.checkout(self._path(step.get("path", "."), self.directory))

    def _persist(self, step: dict[str, Any]) -> None:
        root = self._path(step["root"], self.directory)
        paths = step.get("paths", step.get("path", ()))
        for pattern in [paths] if isinstance(paths, str) else paths:
            found = list(root.glob(pattern))
            if not found:
                raise ValueError(f"nothing is at {pattern!r} in {step['root']!r}")
            for path in found:
                _copy(path, self.machine.workspace / path.relative_to(root))

    def _attach(self, step: dict[str, Any]) -> None:
        self.machine.workspace.mkdir(parents=True, exist_ok=True)
        _copy(self.machine.workspace, self._path(step["at"], self.directory))

    def _continue(self, step: dict[str, Any]) -> None:
        config = self._path(step["configuration_path"], self.directory).read_text()
        parameters = str(step.get("parameters", "{}"))
        if not parameters.lstrip().startswith("{"):
            parameters = self._path(parameters, self.directory).read_text()
        self._continue_with(config, json.loads(parameters))

    def _finish(self, step: dict[str, Any]) -> None:
        self._continue_with("version: 2.1\nworkflows: {}\n", {})

    def _continue_with(self, config: str, parameters: dict[str, Any]) -> None:
        if self.continuation or not self.machine.continues:
            raise ValueError("Pipeline is not in setup state.")
        self.continuation = Continuation(config=config, parameters=parameters)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a directory over what is there."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Stop a command, and what it started, unless it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
