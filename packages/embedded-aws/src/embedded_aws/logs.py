"""CloudWatch Logs as the other services write them."""

import threading
from collections.abc import Iterable

from moto.core.utils import unix_time_millis
from moto.logs.models import logs_backends

from embedded_aws.account import ACCOUNT_ID

lock = threading.Lock()


def create_stream(region: str, group: str, stream: str) -> None:
    """Create a log stream, and its group if it does not exist."""
    backend = logs_backends[ACCOUNT_ID][region]
    with lock:
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)


def write(region: str, group: str, stream: str, lines: Iterable[str]) -> None:
    """Append lines to a stream."""
    now = int(unix_time_millis())
    events = [{"timestamp": now, "message": escape_tabs(line)} for line in lines]
    with lock:
        logs_backends[ACCOUNT_ID][region].put_log_events(group, stream, events)


def escape_tabs(line: str) -> str:
    """Write a tab as #011, as the platform's log agent does."""
    return line.replace("\t", "#011")
