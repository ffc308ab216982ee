"""Deploy markers: what CircleCI's Deploys page shows of a deploy or a rollback.

They are for people. Whatever is wrong with one is told and stops nothing, least of all
a rollback.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lifecycle.approval import find_approved
from lifecycle.aws import aws_errors
from lifecycle.errors import LifecycleError
from runner.ci.config import ENVIRONMENT, plain_line
from runner.notebook.archive import read_json, read_record
from runner.review.evidence import SOURCE
from runner.spec.content import content
from runner.spec.models import load_spec

Stage = Literal["deploy", "rollback"]

# CircleCI's program in every job, which answers at once or not at all.
TIMEOUT_SECONDS = 30
MAX_REASON = 300
# What a marker may fail with: its version is not found, or CircleCI refuses it.
FAILURES = (LifecycleError, ValueError, OSError, subprocess.SubprocessError)


@dataclass(frozen=True, kw_only=True)
class Marker:
    """One deploy or rollback of a model in CircleCI's Deploys."""

    model: str
    stage: Stage

    def plan(self, version: int) -> None:
        """Show that a version is about to be served."""
        given = ["--rollback"] if self.stage == "rollback" else []
        self._call(
            "plan",
            f"--environment-name={ENVIRONMENT}",
            f"--component-name={self.model}",
            f"--target-version={version}",
            *given,
        )

    def update(self, status: str, reason: str = "") -> None:
        """Show how far it is; after SUCCESS or FAILED it cannot be changed."""
        given = [f"--failure-reason={reason}"] if reason else []
        self._call("update", f"--status={status}", *given)

    def _call(self, command: str, *flags: str) -> None:
        """Call CircleCI's program.

        Raises:
            CalledProcessError, OSError, TimeoutExpired: it refuses, is not there, or
                does not answer.
        """
        name = f"{self.stage}-{self.model}"
        subprocess.run(
            ["circleci", "run", "release", command, name, *flags],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )


def start_marker(root: Path, marker: Marker, version: int | None) -> str:
    """Show in CircleCI what is about to be served.

    Args:
        version: None: for a deploy the one that it will take; for a rollback it is
            shown at its end.

    Returns:
        What was done, in a line.
    """
    try:
        if version is None and marker.stage == "deploy":
            version = _deployable(root, marker.model)
        if version is None:
            return "no deploy marker yet: which version it is, is known at the end"
        marker.plan(version)
        marker.update("RUNNING")
    except FAILURES as error:
        return _told(error)
    return f"deploy marker: {marker.stage} of version {version} is RUNNING"


def end_marker(root: Path, marker: Marker) -> str:
    """Show in CircleCI how a deploy or rollback ended, from its record in build/.

    Returns:
        What was done, in a line.
    """
    try:
        folder = root / "build" / marker.model
        record = read_record(folder, marker.stage) or {}
        status, reason = _outcome(folder, record)
        try:
            marker.update(status, reason)
        except subprocess.CalledProcessError:
            # It could not be planned before.
            if (version := _version(record)) is None:
                raise
            marker.plan(version)
            marker.update(status, reason)
    except FAILURES as error:
        return _told(error)
    return f"deploy marker: {status}" + (f", {reason}" if reason else "")


def _deployable(root: Path, model: str) -> int:
    """Return the version that a deploy of the checkout takes.

    Raises:
        NotApprovedError: there is none, as the deploy will say itself.
    """
    spec = load_spec(root, model)
    fingerprint = content(root, model).fingerprint
    with aws_errors():
        return find_approved(
            model, fingerprint, spec.approval, on_progress=lambda _: None
        ).version


def _outcome(folder: Path, record: dict[str, Any]) -> tuple[str, str]:
    """Return the status of a record, and why it is not SUCCESS."""
    if record.get("status") == "succeeded":
        return "SUCCESS", ""
    # Without a record it failed before its notebook began.
    error = record.get("error") or read_json(folder / SOURCE).get("error")
    said = str(error or "it left no record; the log of the job says why")
    return "FAILED", plain_line(said)[:MAX_REASON]


def _version(record: dict[str, Any]) -> int | None:
    """Return the version that a record is of, if it says so."""
    results = record.get("results") or record
    found = results.get("version") or record.get("to")
    return found if isinstance(found, int) else None


def _told(error: Exception) -> str:
    """Say in a line why there is no marker."""
    said = getattr(error, "stderr", "") or str(error)
    return f"note: no deploy marker: {plain_line(said)}"
