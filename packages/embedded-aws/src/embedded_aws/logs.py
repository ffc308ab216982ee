"""CloudWatch Logs as the services of the embedded AWS themselves write them."""

import threading
from collections.abc import Iterable

from moto.core.utils import unix_time_millis
from moto.logs.models import logs_backends

from embedded_aws.account import ACCOUNT_ID

lock = threading.Lock()


def create_stream(region: str, group: str, stream: str) -> None:
    """Make a log stream, and its group."""
    backend = logs_backends[ACCOUNT_ID][region]
    with lock:
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)


def write(region: str, group: str, stream: str, lines: Iterable[str]) -> None:
    """Append lines to a stream; a tab becomes #011, as on the platform."""
    now = int(unix_time_millis())
    events = [{"timestamp": now, "message": printable(line)} for line in lines]
    with lock:
        logs_backends[ACCOUNT_ID][region].put_log_events(group, stream, events)


def printable(line: str) -> str:
    """Escape a tab as the platform's log agent does."""
    return line.replace("\t", "#011")
