"""The six notebooks by `ploomber build`, in an environment of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from embedded_aws import start

from benchmarks.measure import LIMIT_SECONDS, Sample, repeat, run
from benchmarks.six import BIN, notebooks
from runner import STAGES


def ploomber(root: Path, scratch: Path) -> dict[str, Sample | str]:
    """Measure it once, where it can be installed."""
    name = "`ploomber build`, in its own environment"
    try:
        folder = _make(scratch / "ploomber")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError):
        version = ".".join(map(str, sys.version_info[:2]))
        return {name: f"cannot be installed for Python {version} here"}
    return {name: repeat(1, lambda: _by_ploomber(root, folder))}


def _make(folder: Path) -> Path:
    """Install Ploomber where it is in nobody's way; its kernels are ours."""
    python = folder / "bin" / "python"
    uv = [str(BIN / "uv")]
    install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python"]
    for command in (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [*install, str(python), "ploomber"],
    ):
        subprocess.run(command, check=True, timeout=LIMIT_SECONDS, capture_output=True)
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": "Python 3", "language": "python"}
    kernel.write_text(json.dumps(content))
    return folder


def _by_ploomber(root: Path, ploomber: Path) -> float:
    """Run Ploomber's build of a pipeline of the same notebooks."""
    tasks: list[dict[str, Any]] = []
    for model, stage, notebook, given in notebooks(root):
        task = {
            "source": str(notebook),
            "name": f"{model}-{stage}",
            "product": f"build/ploomber/{model}-{stage}.ipynb",
            "params": given,
        }
        if stage != STAGES[0]:
            before = STAGES[STAGES.index(stage) - 1]
            task["upstream"] = [f"{model}-{before}"]
        tasks.append(task)
    pipeline = {"meta": {"extract_upstream": False}, "tasks": tasks}
    # YAML reads JSON.
    (root / "pipeline.yaml").write_text(json.dumps(pipeline))
    alone = {
        "JUPYTER_PATH": str(ploomber / "jupyter"),
        "PLOOMBER_STATS_ENABLED": "false",
    }
    command = [ploomber / "bin" / "ploomber", "build", "--force"]
    with start() as aws:
        return run(command, cwd=root, env=aws.environment | alone).seconds
