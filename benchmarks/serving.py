"""How quickly the embedded AWS's endpoints answer."""

import time
from pathlib import Path
from statistics import quantiles
from unittest.mock import patch

from embedded_aws import start

from benchmarks.measure import number, run, table
from benchmarks.six import RUNNER

ROW = "0,0,1,0.455,0.365,0.095,0.514,0.2245,0.101,0.15"
CALLS = {1: 500, 1_000: 100}


def report(root: Path) -> str:
    """Deploy one model and invoke its endpoint, and write it down."""
    with start() as aws, patch.dict("os.environ", aws.environment):
        run([*RUNNER, "abalone"], cwd=root)
        rows = [_row(count, calls) for count, calls in CALLS.items()]
    header = ["rows", "invocations/s", "rows/s", "p50 ms", "p99 ms"]
    return "\n\n".join(
        [
            "## Invoking an endpoint of the embedded AWS",
            "One client, one invocation after the other.",
            table(header, rows),
        ]
    )


def _row(count: int, calls: int) -> list[object]:
    from lifecycle.aws import client

    body = "\n".join([ROW] * count).encode()
    runtime = client("sagemaker-runtime")
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        answer = runtime.invoke_endpoint(
            EndpointName="abalone", ContentType="text/csv", Body=body
        )
        answer["Body"].read()
        took.append(time.perf_counter() - began)
    percentiles = quantiles(took, n=100)
    rate = calls / sum(took)
    shown = [rate, rate * count, percentiles[49] * 1000, percentiles[98] * 1000]
    return [count, *map(number, shown)]
