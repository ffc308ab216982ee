"""The CircleCI workflow of a job: its branch, its identity, who approved in it."""

import hashlib
import os
from pathlib import Path
from typing import Any

from runner.git import find_default_branch

API = "https://circleci.com/api/v2"
TIMEOUT_SECONDS = 10
# What CircleCI writes for a value that a pipeline does not have.
NIL = "<nil>"


def pipeline_value(name: str) -> str:
    """Return a variable that a job sets from a pipeline value; "" if it has none."""
    value = os.environ.get(name, "")
    return "" if value == NIL else value


def is_default_branch(root: Path, branch: str) -> bool:
    """Return whether a branch is the default one: CircleCI knows, else git does."""
    told = pipeline_value("PIPELINE_ON_DEFAULT_BRANCH").lower()
    known = {"1": True, "true": True, "0": False, "false": False}
    return known.get(told, branch == find_default_branch(root))


def workflow_identity() -> str:
    """Return an id of the CircleCI workflow and of its reruns; "" elsewhere."""
    # A rerun has its own workflow id, but the workspace of the first run.
    workspace = os.environ.get("CIRCLE_WORKFLOW_WORKSPACE_ID")
    return workspace or os.environ.get("CIRCLE_WORKFLOW_ID", "")


def run_suffix() -> str:
    """Return the end of a run's id, by which the jobs of a workflow find the run."""
    identity = workflow_identity()
    return hashlib.sha256(identity.encode()).hexdigest()[:6] if identity else ""


def approval_note(model: str, *, api: str = API) -> str:
    """Return the workflow that approved, and the person if CircleCI tells."""
    workflow = os.environ.get("CIRCLE_WORKFLOW_ID")
    if not workflow:
        return ""
    where = f"Approved in CircleCI workflow {workflow}"
    if person := _approver(workflow, f"review-{model}", api):
        return f"{where} by {person}"
    # Who started the pipeline need not be who approved.
    return f"{where}, started by {_starter()}"


def rejection_note() -> str:
    """Return the workflow that rejects, and who started it; "" elsewhere."""
    workflow = os.environ.get("CIRCLE_WORKFLOW_ID")
    if not workflow:
        return ""
    return f"Rejected in CircleCI workflow {workflow}, started by {_starter()}"


def _starter() -> str:
    return os.environ.get("CIRCLE_USERNAME") or "an unnamed user"


def _approver(workflow: str, job: str, api: str) -> str:
    """Ask CircleCI who approved, which takes a token; "" if it does not tell."""
    token = os.environ.get("CIRCLE_TOKEN")
    if not token:
        return ""
    try:
        jobs = _get(f"{api}/workflow/{workflow}/job", token)["items"]
        ids = [one.get("approved_by") for one in jobs if one.get("name") == job]
        if not ids or not ids[0]:
            return ""
        user = _get(f"{api}/user/{ids[0]}", token)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Not worth failing an approval. The errors of requests are OSErrors.
        return ""
    return str(user.get("login") or user.get("name") or ids[0])


def _get(url: str, token: str) -> Any:
    """Return the JSON at a URL.

    Raises:
        OSError: the API refuses or does not answer, or redirects to another address,
            which would get the token too.
        ValueError: what it answers is not JSON.
    """
    import requests

    response = requests.get(
        url,
        headers={"Circle-Token": token},
        timeout=TIMEOUT_SECONDS,
        allow_redirects=False,
    )
    response.raise_for_status()
    if response.is_redirect:
        raise requests.HTTPError(f"{url}: redirects elsewhere", response=response)
    return response.json()
