"""Eight models prepared, so many at once."""

from pathlib import Path

from embedded_aws import start

from benchmarks.measure import Sample, repeat, run, table
from benchmarks.repository import commit
from benchmarks.six import RUNNER
from runner.scaffold.files import copied_files, new_folder, write_files

MODELS = 8
JOBS = (1, 2, 4, 8)


def report(root: Path) -> str:
    """Measure a run of eight models with each number of jobs, and write it down."""
    names = [f"copy-{index}" for index in range(MODELS)]
    for name in names:
        write_files(new_folder(root, name), copied_files(root, name, "abalone"))
    commit(root)
    rows = [(jobs, _prepared(root, names, jobs)) for jobs in JOBS]
    first = rows[0][1].median
    return "\n\n".join(
        [
            "## Models in parallel",
            f"{MODELS} models, `--stage prepare`.",
            table(
                ["jobs", "seconds", "times as fast"],
                [[jobs, took, f"{first / took.median:.1f}"] for jobs, took in rows],
            ),
        ]
    )


def _prepared(root: Path, names: list[str], jobs: int) -> Sample:
    command = [*RUNNER, *names, "--stage", "prepare", "--jobs", str(jobs)]
    with start() as aws:
        return repeat(2, lambda: run(command, cwd=root, env=aws.environment).seconds)
