"""What was run, kept so that a later version can be compared with it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import git, ipynb
from runner.history import checked_out_branch
from runner.parameters import offered_by_spec
from runner.signature import shown
from runner.spec import find_notebook, load_spec
from runner.stages import STAGES

PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)


def source_record(
    root: Path, model: str, given: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Record a model's settings, code and dependencies, and the commit they are of."""
    spec = load_spec(root, model)
    return {
        "settings": offered_by_spec(spec),
        "given": dict(given),
        "notebooks": {
            stage: notebook_source(find_notebook(root, model, stage))
            for stage in STAGES
        },
        "dependencies": dependencies(root / "requirements.txt"),
        "branch": environment.get("CIRCLE_BRANCH") or checked_out_branch(root),
        "subject": git.line(root, "log", "-1", "--format=%s"),
        "workflow": environment.get("CIRCLE_WORKFLOW_ID", ""),
        "pull_request": environment.get("CIRCLE_PULL_REQUEST", ""),
    }


def notebook_source(path: Path) -> dict[str, Any]:
    """Read a notebook's code, each cell with the heading it stands under."""
    notebook = ipynb.read(path)
    cells = [
        {
            "heading": ipynb.heading(notebook, index),
            "source": str(notebook.cells[index].source),
        }
        for index in ipynb.code_indices(notebook)
    ]
    return {"path": shown(path).as_posix(), "cells": cells}


def dependencies(requirements: Path) -> dict[str, str]:
    """List what is pinned; one pinned per platform has all its versions."""
    if not requirements.is_file():
        return {}
    pinned: dict[str, set[str]] = {}
    for name, version in PIN.findall(requirements.read_text(encoding="utf-8")):
        pinned.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(found)) for name, found in pinned.items()}
