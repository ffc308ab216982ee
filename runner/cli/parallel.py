"""Several models at once; one that fails does not stop the others."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from runner.cli.ended import Outcome
from runner.cli.pipeline import Pipeline
from runner.cli.plan import Plan
from runner.cli.progress import observer
from runner.kernels.warm import WarmKernels


def run_all(
    plans: Sequence[Plan],
    jobs: int,
    approves: bool,
    time_limit: float | None,
    quiet: bool,
    kernels: WarmKernels | None = None,
    *,
    reuse: bool = True,
    resume: bool = False,
) -> list[Outcome]:
    """Run every plan, `jobs` at a time, and give the outcomes in the plans' order."""
    cancelled = threading.Event()
    with observer(quiet) as watching, ThreadPoolExecutor(jobs) as threads:
        pipelines = [
            Pipeline(
                plan=plan,
                observer=watching,
                cancelled=cancelled,
                approves=approves,
                time_limit=time_limit,
                kernels=kernels,
                reuses=reuse,
                resumes=resume,
            )
            for plan in plans
        ]
        running = [threads.submit(pipeline.run) for pipeline in pipelines]
        try:
            return [one.result() for one in running]
        except BaseException:
            # An interruption ends every kernel; the threads keep what there is.
            cancelled.set()
            threads.shutdown(cancel_futures=True)
            raise
