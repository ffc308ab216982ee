"""The CircleCI workflow that a job is part of: its identity, and who approved in it."""

import hashlib
import os
import urllib.request
from http.client import HTTPException
from typing import Any

from runner.api import call

API = "https://circleci.com/api/v2"


def run_identity() -> str:
    """Name the CircleCI workflow, the same name in its reruns; nothing elsewhere."""
    # A rerun gets a workflow id of its own, but inherits the workspace.
    workspace = os.environ.get("CIRCLE_WORKFLOW_WORKSPACE_ID")
    return workspace or os.environ.get("CIRCLE_WORKFLOW_ID", "")


def run_suffix() -> str:
    """Make the end of a run's id from the workflow, so that its jobs find the run."""
    identity = run_identity()
    return hashlib.sha256(identity.encode()).hexdigest()[:6] if identity else ""


def approval_note(model: str, *, api: str = API) -> str:
    """Say which workflow approved, and who where CircleCI tells it."""
    workflow = os.environ.get("CIRCLE_WORKFLOW_ID")
    if not workflow:
        return ""
    where = f"Approved in CircleCI workflow {workflow}"
    person = _who(workflow, f"review-{model}", api)
    return f"{where} by {person}" if person else f"{where}, {_starter()}"


def _starter() -> str:
    """Name who started the pipeline, which need not be who approved."""
    return f"started by {os.environ.get('CIRCLE_USERNAME') or 'an unnamed user'}"


def _who(workflow: str, job: str, api: str) -> str:
    """Ask CircleCI who clicked; it answers only to a token."""
    token = os.environ.get("CIRCLE_TOKEN")
    if not token:
        return ""
    try:
        jobs = _get(f"{api}/workflow/{workflow}/job", token)["items"]
        ids = [one.get("approved_by") for one in jobs if one.get("name") == job]
        if not ids or not ids[0]:
            return ""
        user = _get(f"{api}/user/{ids[0]}", token)
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        # The record of who approved is worth having, but not a failed approval.
        return ""
    return str(user.get("login") or user.get("name") or ids[0])


def _get(url: str, token: str) -> Any:
    return call(urllib.request.Request(url, headers={"Circle-Token": token}))
