"""A job's commands, run one by one by CircleCI's shell."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from circleci_simulator.compiler import Job

# The steps that are left out here, and why.
REPLACED = {
    "Install what selecting takes": "the Python of these tests has it",
    "Install what asking AWS takes": "the Python of these tests has it",
    "Install the dependencies": "the Python of these tests has them",
    "Renew the token of long jobs": "no job here takes an hour",
}
STEP_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job that ran: how it ended, all that it said, and the clone it ran in."""

    name: str
    status: str
    log: str
    clone: Path


def run_steps(job: Job, clone: Path, environment: Mapping[str, str]) -> Ended:
    """Run a job's steps until one fails; what is `when: always`, also then."""
    status, log = "success", clone.with_name("log")
    log.touch()
    # A short path: sockets in it may not be longer than a hundred characters.
    with TemporaryDirectory(prefix="job-", ignore_cleanup_errors=True) as temporary:
        variables = {**environment, "TMPDIR": temporary}
        for step in job.commands:
            if step.get("name") in REPLACED:
                continue
            if status == "success" or step.get("when") == "always":
                code = _bash(step["command"], clone, variables, log)
                status = "failed" if code else status
    return Ended(name=job.name, status=status, log=log.read_text(), clone=clone)


def _bash(command: str, cwd: Path, environment: Mapping[str, str], log: Path) -> int:
    """Run one command with CircleCI's shell, and add what it says to the log."""
    with log.open("a") as output:
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=STEP_SECONDS,
            check=False,
        ).returncode
