"""Log lines of containers are read from CloudWatch."""

import time

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import client, read_log, tail_log, without_tracebacks
from packages import new_name


@pytest.fixture
def group(aws: EmbeddedAWS) -> str:
    """A log group with two streams."""
    name = f"/test/{new_name()}"
    logs = client("logs")
    logs.create_log_group(logGroupName=name)
    now = int(time.time() * 1000)
    for stream, count, start in (("a/1", 3, now - 1000), ("b/1", 2500, now)):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        events = [
            {"timestamp": start, "message": f"{stream} line {n}"} for n in range(count)
        ]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)
    return name


def test_a_log_is_read_by_prefix(group):
    """Only streams with the prefix are read."""
    assert read_log(group, "a/") == ["a/1 line 0", "a/1 line 1", "a/1 line 2"]


def test_a_long_log_is_read_to_its_end(group):
    """A stream is paged through."""
    lines = read_log(group, "b/")

    assert len(lines) == 2500
    assert lines[-1] == "b/1 line 2499"


def test_a_log_that_is_not_there_is_empty(aws: EmbeddedAWS):
    """A job that never wrote a line has no log group."""
    assert read_log("/test/none", "a/") == []
    assert tail_log("/test/none", lines=5) == []


def test_the_tail_is_of_the_last_stream(group):
    """The container that wrote last has the last words."""
    assert tail_log(group, lines=2) == ["b/1 line 2498", "b/1 line 2499"]


def test_a_traceback_is_left_out_and_its_error_stays():
    """A data scientist reads what went wrong, not where in the container."""
    lines = [
        "    the end of an earlier one",
        "[0]#011train-rmse:1.5",
        "Traceback (most recent call last):",
        '  File "train.py", line 5, in main',
        "    check()",
        "    ^^^^^^^",
        "UserError: eta is wrong",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "train.py", line 7, in main',
        "AlgorithmError: eta is wrong",
        "  the end",
        "Stack trace:",
        "  [bt] (0) xgboost/lib/libxgboost.so(+0x11031e) [0x7f]",
    ]

    assert without_tracebacks(lines) == [
        "[0]#011train-rmse:1.5",
        "UserError: eta is wrong",
        "AlgorithmError: eta is wrong",
        "  the end",
    ]


def test_of_no_lines_none_are_left():
    """A container that said nothing has no last words."""
    assert without_tracebacks([]) == []
