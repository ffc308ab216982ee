"""The six notebooks of both models: by Papermill, by Ploomber and by the runner."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from embedded_aws import start

from benchmarks.measure import QUICK, Sample, repeat, run, table
from benchmarks.ploomber import ploomber
from benchmarks.six import BIN, RUN_BOTH, notebooks
from runner import STAGES

BOTH = (
    "Both models prepared, trained, registered and deployed, each time on a fresh "
    "embedded AWS."
)
SECONDS = "what is in the way is further down, where the seconds go."
OVERHEAD = (
    "Wall-clock time less what the notebook's own cells took, imports among them: all "
    "six notebooks, but for `jupyter execute` only those that run without parameters. "
    "The runner's is that from Papermill's first step to its last, once the runner "
    "itself is there."
)


def papermill(
    notebook: Path, output: Path, parameters: Mapping[str, Any]
) -> list[str | Path]:
    """Return Papermill's command for a notebook."""
    # YAML reads JSON.
    given = ["--parameters_yaml", json.dumps(parameters)]
    options = ["--no-progress-bar", "--cwd", notebook.parent]
    return [BIN / "papermill", *options, *given, notebook, output]


def by_papermill(root: Path) -> float:
    """Run one Papermill command after the other."""
    with start() as aws:
        began = time.perf_counter()
        for model, stage, notebook, given in notebooks(root):
            output = root / "build" / "papermill" / model / f"{stage}.ipynb"
            output.parent.mkdir(parents=True, exist_ok=True)
            run(papermill(notebook, output, given), cwd=root, env=aws.environment)
        return time.perf_counter() - began


def by_runner(root: Path, *options: str) -> float:
    """Run the runner once."""
    with start() as aws:
        return run([*RUN_BOTH, *options], cwd=root, env=aws.environment).seconds


def first_and_again(root: Path) -> tuple[float, float]:
    """Run the runner twice on the same embedded AWS, nothing changed in between."""
    with start() as aws:
        command = [*RUN_BOTH]
        first = run(command, cwd=root, env=aws.environment).seconds
        return first, run(command, cwd=root, env=aws.environment).seconds


def own_seconds(path: Path) -> float:
    """Add up what an executed notebook's cells took."""
    cells = json.loads(path.read_text())["cells"]
    return sum(_seconds(one["metadata"]) for one in cells if one["cell_type"] == "code")


def _seconds(metadata: Mapping[str, Any]) -> float:
    """Read a cell's duration, as Papermill or as nbclient notes it."""
    if "papermill" in metadata:
        return float(metadata["papermill"]["duration"] or 0)
    times = metadata.get("execution", {})
    if "iopub.execute_input" not in times:
        return 0.0
    began = datetime.fromisoformat(times["iopub.execute_input"])
    return (
        datetime.fromisoformat(times["shell.execute_reply"]) - began
    ).total_seconds()


def overheads(root: Path) -> list[tuple[str, Sample]]:
    """Measure what each way adds to the cells of the six notebooks, a notebook."""
    rows: dict[str, list[float]] = {}
    with start() as aws:
        for _, stage, notebook, given in notebooks(root):
            output = root / "build" / "overhead.ipynb"
            command = papermill(notebook, output, given)
            took = run(command, cwd=root, env=aws.environment)
            rows.setdefault("papermill CLI", []).append(
                took.seconds - own_seconds(output)
            )
            if stage == STAGES[0]:
                # It takes no parameters, so only these notebooks run as they stand.
                command = [BIN / "jupyter", "execute", "--output", str(output)]
                took = run([*command, notebook], cwd=root, env=aws.environment)
                rows.setdefault("jupyter execute", []).append(
                    took.seconds - own_seconds(output)
                )
    for name, options in (("runner, cold", ["--cold"]), ("runner, warm", [])):
        rows[name] = _runner_overheads(root, *options)
    return [(name, Sample(tuple(values))) for name, values in rows.items()]


def _runner_overheads(root: Path, *options: str) -> list[float]:
    with start() as aws:
        command = [*RUN_BOTH, "--jobs", "1", *options]
        said = run(command, cwd=root, env=aws.environment).stdout
    return [
        seconds - own_seconds(root / "build" / one["model"] / f"{stage}.ipynb")
        for one in json.loads(said)
        for stage, seconds in one["seconds"].items()
    ]


def report(root: Path, scratch: Path) -> str:
    """Measure all ways to run the six notebooks, and write it down."""
    verb = "runner run abalone churn"
    once = {
        "papermill CLI, one after the other": repeat(3, lambda: by_papermill(root)),
        **ploomber(root, scratch),
        f"`{verb} --cold`": repeat(1, lambda: by_runner(root, "--cold")),
        f"`{verb} --jobs 1`": repeat(1, lambda: by_runner(root, "--jobs", "1")),
    }
    pairs = [first_and_again(root) for _ in range(1 if QUICK else 3)]
    once[f"`{verb}`"] = Sample(tuple(first for first, _ in pairs))
    once[f"`{verb}` again, nothing changed"] = Sample(
        tuple(again for _, again in pairs)
    )
    reference = once["papermill CLI, one after the other"].median
    rows = [
        [name, sample, f"{reference / sample.median:.1f}"]
        if isinstance(sample, Sample)
        else [name, sample, ""]
        for name, sample in once.items()
    ]
    added = [[name, sample] for name, sample in overheads(root)]
    return "\n\n".join(
        [
            "## Six notebooks",
            BOTH,
            table(["", "seconds", "times as fast"], rows),
            f"Five times as fast would be {reference / 5:.1f} s: {SECONDS}",
            "## Overhead per notebook",
            OVERHEAD,
            table(["", "seconds"], added),
        ]
    )
