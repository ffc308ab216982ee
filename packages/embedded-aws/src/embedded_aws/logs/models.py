"""The state of CloudWatch Logs: moto's, kept between runs, and how it is written."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from moto.core.utils import unix_time_millis
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogEvent, LogGroup, LogsBackend, logs_backends

from embedded_aws.account import ACCOUNT_ID
from embedded_aws.state import state

# A row without a message says that a stream, or without a stream a group, was created.
INSERT = "INSERT INTO log_events VALUES (?, ?, ?, ?, ?)"
FIND = """
SELECT log_group, log_stream, timestamp, message FROM log_events
WHERE region = ? ORDER BY rowid
"""
DELETE_GROUP = "DELETE FROM log_events WHERE region = ? AND log_group = ?"
DELETE_STREAM = f"{DELETE_GROUP} AND log_stream = ?"

RETENTIONS = [
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192),
    *(2557, 2922, 3288, 3653),
]
PATTERN = re.compile(r'[A-Za-z]\w*( \w+)*|"[^"]*"')

lock = RLock()


class Backend(LogsBackend):
    """Keep groups, streams and events of one region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        for group, stream, timestamp, message in state.find(FIND, region_name):
            self._restore(group, stream, timestamp, message)

    def _restore(
        self, group: str, stream: str | None, timestamp: int, message: str | None
    ) -> None:
        moment = datetime.fromtimestamp(timestamp / 1000, UTC).replace(tzinfo=None)
        if stream is None:
            super().ensure_log_group(group)
            self.groups[group].creation_time = moment
        elif message is None:
            super().create_log_stream(group, stream)
            self.groups[group].streams[stream].creation_time = moment
        else:
            found = self.groups[group].streams[stream]
            event = {"timestamp": timestamp, "message": message}
            found.events.append(LogEvent(timestamp, event))
            found.stored_bytes += len(message)
            found.last_ingestion_time = moment

    def create_log_group(
        self, log_group_name: str, tags: dict[str, str], **more: Any
    ) -> LogGroup:
        """Create a group."""
        group = super().create_log_group(log_group_name, tags, **more)
        self._keep(log_group_name, None, [(now(), None)])
        return group

    def ensure_log_group(self, log_group_name: str) -> None:
        """Create a group if it does not exist."""
        if log_group_name not in self.groups:
            super().ensure_log_group(log_group_name)
            self._keep(log_group_name, None, [(now(), None)])

    def create_log_stream(self, log_group_name: str, log_stream_name: str) -> None:
        """Create a stream."""
        super().create_log_stream(log_group_name, log_stream_name)
        self._keep(log_group_name, log_stream_name, [(now(), None)])

    def put_log_events(
        self,
        log_group_name: str,
        log_stream_name: str,
        log_events: list[dict[str, Any]],
    ) -> tuple[str, dict[str, Any]]:
        """Append events to a stream."""
        group = self.groups.get(log_group_name)
        stream = group.streams.get(log_stream_name) if group else None
        before = len(stream.events) if stream else 0
        answer: tuple[str, dict[str, Any]] = super().put_log_events(
            log_group_name, log_stream_name, log_events
        )
        if stream:
            added = stream.events[before:]
            rows = [(event.timestamp, event.message) for event in added]
            self._keep(log_group_name, log_stream_name, rows)
        return answer

    def filter_log_events(self, log_group_name: str, *arguments: Any) -> Any:
        """Answer FilterLogEvents; moto takes what it cannot filter by for all events.

        The next to last argument is the pattern.
        """
        *_, pattern, _ = arguments
        if pattern and not PATTERN.fullmatch(pattern):
            raise InvalidParameterException(
                parameter="filterPattern",
                value=pattern,
                constraint="The embedded AWS filters by words, or by one quoted phrase",
            )
        return super().filter_log_events(log_group_name, *arguments)

    def put_retention_policy(self, log_group_name: str, retention_in_days: str) -> None:
        """Store for how many days events would be kept."""
        if int(retention_in_days) not in RETENTIONS:
            raise InvalidParameterException(
                parameter="retentionInDays",
                value=retention_in_days,
                constraint=f"Member must satisfy enum value set: {RETENTIONS}",
            )
        super().put_retention_policy(log_group_name, retention_in_days)

    def delete_log_group(self, log_group_name: str) -> None:
        """Delete a group with its streams."""
        super().delete_log_group(log_group_name)
        state.change(DELETE_GROUP, (self.region_name, log_group_name))

    def delete_log_stream(self, log_group_name: str, log_stream_name: str) -> None:
        """Delete a stream."""
        super().delete_log_stream(log_group_name, log_stream_name)
        row = (self.region_name, log_group_name, log_stream_name)
        state.change(DELETE_STREAM, row)

    def _keep(
        self, group: str, stream: str | None, rows: Iterable[tuple[int, str | None]]
    ) -> None:
        region = self.region_name
        state.change(INSERT, *((region, group, stream, *row) for row in rows))


def now() -> int:
    """Return the time in milliseconds."""
    return int(unix_time_millis())


def create_stream(region: str, group: str, stream: str) -> None:
    """Create a log stream, and its group if it does not exist."""
    backend = logs_backends[ACCOUNT_ID][region]
    with lock, state.transaction():
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)


def write(region: str, group: str, stream: str, lines: Iterable[str]) -> None:
    """Append lines to a stream."""
    time = now()
    events = [{"timestamp": time, "message": escape_tabs(line)} for line in lines]
    with lock:
        logs_backends[ACCOUNT_ID][region].put_log_events(group, stream, events)


def escape_tabs(line: str) -> str:
    """Write a tab as #011, as the platform's log agent does."""
    return line.replace("\t", "#011")


def install() -> None:
    """Put this backend in the place of moto's."""
    logs_backends.backend = Backend
