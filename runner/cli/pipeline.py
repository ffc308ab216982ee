"""One model's stages in order: what each is given, and what it leaves to the next."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner import artifacts, registry, session, storage
from runner.cli.plan import Plan, Stage
from runner.cli.progress import Observer
from runner.errors import CallError, RunnerError
from runner.notebook import execute

REQUIRED_RESULTS = {
    "prepare": ("train", "validation", "test", "data_sha256"),
    "train-register": ("package", "version", "metrics"),
    "deploy": ("endpoint", "package"),
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one model's run."""

    model: str
    results: Mapping[str, Any]
    seconds: Mapping[str, float]
    error: RunnerError | None = None
