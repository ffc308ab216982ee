"""Several models at once; one that fails does not stop the others."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from forked_kernels.client import WarmKernels

from runner.cli.ended import Outcome
from runner.cli.pipeline import Pipeline
from runner.cli.plan import Plan
from runner.cli.progress import observer
from runner.cli.reusable import Reusable
from runner.review.page import write_overview


@dataclass(frozen=True, kw_only=True)
class Running:
    """How models are run."""

    jobs: int
    quiet: bool = False
    approves: bool = False
    time_limit: float | None = None
    kernels: WarmKernels | None = None
    reuses: bool = True
    resumes: bool = False

    def reusable(self, plan: Plan) -> Reusable | None:
        """Give what a plan may reuse, unless it may reuse nothing."""
        return Reusable(plan) if self.reuses and plan.spec.reuse else None


def run_all(root: Path, plans: Sequence[Plan], running: Running) -> list[Outcome]:
    """Run every plan, some at a time, and give the outcomes in the plans' order."""
    cancelled = threading.Event()
    try:
        with observer(running.quiet) as watching:
            pipelines = [
                Pipeline(
                    plan=plan,
                    observer=watching,
                    cancelled=cancelled,
                    approves=running.approves,
                    time_limit=running.time_limit,
                    kernels=running.kernels,
                    reusable=running.reusable(plan),
                    resumes=running.resumes,
                )
                for plan in plans
            ]
            return _run(pipelines, running.jobs, cancelled)
    finally:
        write_overview(root / "build", [one.model for one in plans])


def _run(
    pipelines: Sequence[Pipeline], jobs: int, cancelled: threading.Event
) -> list[Outcome]:
    with ThreadPoolExecutor(jobs) as threads:
        results = [threads.submit(pipeline.run) for pipeline in pipelines]
        try:
            return [one.result() for one in results]
        except BaseException:
            # An interruption ends every kernel; the threads keep what there is.
            cancelled.set()
            threads.shutdown(cancel_futures=True)
            raise
