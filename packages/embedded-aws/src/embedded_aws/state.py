"""What the embedded AWS keeps between its runs: documents in SQLite, and files.

A document is a resource as JSON; it names the files that it holds. A call's documents
are committed together before the call is answered, and files are on the disk before a
document names them: SIGKILL at any moment loses at most the call in flight. Files that
no document names are removed when the state is opened.
"""

import base64
import dataclasses
import importlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from embedded_aws.files import Files

VERSION = 1
DATABASE = "state.sqlite"
OBJECTS = "objects"
SAVE = """
INSERT INTO documents VALUES (?, ?, ?, ?)
ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, files = excluded.files
"""
DELETE = "DELETE FROM documents WHERE kind = ? AND name = ?"
LOAD = """
SELECT body FROM documents WHERE kind = ? AND substr(name, 1, ?) = ? ORDER BY rowid
"""
FILES = "SELECT kind, name, files FROM documents WHERE files IS NOT NULL"
SCHEMA = """
CREATE TABLE documents (
    kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, files TEXT,
    PRIMARY KEY (kind, name)
);
CREATE TABLE log_events (
    region TEXT NOT NULL, log_group TEXT NOT NULL, log_stream TEXT,
    timestamp INTEGER NOT NULL, message TEXT
);
CREATE INDEX log_streams ON log_events (region, log_group, log_stream);
"""
# What JSON has no word for. No member of a request begins with a null character.
TIME, BYTES, OBJECT = "\0time", "\0bytes", "\0object"
MOTO = "moto."
# Marks the fields of a dataclass that its document does not have.
IN_MEMORY = "in memory"


class StateError(Exception):
    """Report in one line why the state of a folder cannot be used."""


class Changes(threading.local):
    """Collect what a thread's open transaction is to commit."""

    def __init__(self) -> None:
        self.depth = 0
        self.statements: list[tuple[str, Callable[[], tuple[Any, ...]]]] = []
        self.held: dict[tuple[str, str], frozenset[str]] = {}


class State:
    """Keep documents and files, in a folder or only as long as the process lives.

    Without a folder documents are not kept at all: the resources are in memory.
    """

    def __init__(self) -> None:
        # Of the database. No other lock is taken while it is held.
        self.lock = threading.RLock()
        self.database: sqlite3.Connection | None = None
        # By kind and name of a document the files that it names.
        self.held: dict[tuple[str, str], frozenset[str]] = {}
        self.changes = Changes()
        self.closed = False
        self._files: Files | None = None

    @property
    def files(self) -> Files:
        """Return the files, in a temporary folder unless a folder was opened."""
        with self.lock:
            if self._files is None:
                self._files = Files()
            return self._files

    def open(self, folder: Path) -> None:
        """Keep everything in a folder from now on, and find what it has.

        Raises:
            StateError: another version of the embedded AWS wrote it, or SQLite cannot.
            OSError: the folder cannot be written.
        """
        objects = folder / OBJECTS
        objects.mkdir(mode=0o700, exist_ok=True)
        self.database, self._files = connect(folder / DATABASE), Files(objects)
        for kind, name, files in self.find(FILES):
            self.held[kind, name] = frozenset(files.split())
        in_use = frozenset[str]().union(*self.held.values())
        self._files.remove({path.name for path in objects.iterdir()} - in_use)

    def close(self) -> None:
        """Close the database, if there is one; nothing can be changed after it."""
        with self.lock:
            if self.database is not None:
                self.database.close()
                self.database, self.closed = None, True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what this thread saves in the block together, or nothing of it."""
        changes = self.changes
        changes.depth += 1
        try:
            yield
            if changes.depth == 1:
                self._commit(changes)
        finally:
            changes.depth -= 1
            if not changes.depth:
                changes.statements, changes.held = [], {}

    def save(
        self, kind: str, name: str, document: Any, files: Iterable[str] = ()
    ) -> None:
        """Keep a document, and the files that it names; files it no longer names go.

        It is kept as it is when the transaction ends: another thread may have changed
        and committed it meanwhile, as a training job that runs already.
        """
        names = frozenset(files)

        def row() -> tuple[Any, ...]:
            return kind, name, encode(document), " ".join(names) or None

        with self.transaction():
            self.changes.held[kind, name] = names
            if self.database is not None:
                self.changes.statements.append((SAVE, row))

    def delete(self, kind: str, name: str) -> None:
        """Remove a document, if there is one, and the files that it names."""
        with self.transaction():
            self.changes.held[kind, name] = frozenset()
            self.change(DELETE, (kind, name))

    def change(self, statement: str, *rows: tuple[Any, ...]) -> None:
        """Carry out a statement of SQL with each of the rows."""
        with self.transaction():
            self.changes.statements += [
                (statement, partial(tuple, row)) for row in rows
            ]

    def load(self, kind: str, prefix: str = "") -> Iterator[Any]:
        """Yield the documents of a kind in the order in which they were first saved.

        Args:
            prefix: only those whose name begins with it.
        """
        for (body,) in self.find(LOAD, kind, len(prefix), prefix):
            yield decode(body)

    def find(self, query: str, *values: Any) -> list[Any]:
        """Return the rows that a query finds."""
        with self.lock:
            if self.database is None:
                return []
            return self.database.execute(query, values).fetchall()

    def _commit(self, changes: Changes) -> None:
        with self.lock:
            if self.closed:
                raise StateError("the embedded AWS ends; this was not kept")
            if self.database is not None and changes.statements:
                with self.database:
                    self.database.execute("BEGIN")
                    for statement, row in changes.statements:
                        self.database.execute(statement, row())
            for document, names in changes.held.items():
                dropped = self.held.pop(document, frozenset()) - names
                if names:
                    self.held[document] = names
                if dropped:
                    self.files.remove(dropped)


# The state of this process: every service saves to it and loads from it.
state = State()


def connect(path: Path) -> sqlite3.Connection:
    """Open the database; make its tables, or check that they are of this version.

    Raises:
        StateError: another version wrote it, or it is no database.
    """
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        # What was committed is on the disk; readers and the writer do not wait.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        if version == 0:
            make = f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            database.executescript(make)
    except sqlite3.Error as error:
        raise StateError(
            f"{path}: {error}; free some space, or remove its folder to begin anew"
        ) from error
    if version not in (0, VERSION):
        age = "a newer" if version > VERSION else "an older"
        raise StateError(
            f"{path.parent}: its state was written by {age} embedded AWS (version "
            f"{version}; this one reads version {VERSION}): go back to that one, or "
            "remove the folder to begin anew"
        )
    return database


def encode(document: Any) -> str:
    """Write a document as JSON: plain values, times, bytes and objects of moto's."""
    return json.dumps(document, default=_as_json, separators=(",", ":"))


def decode(text: str) -> Any:
    """Read a document; what was a dataclass of ours is a dict of its fields."""
    return json.loads(text, object_hook=_from_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return {TIME: value.isoformat()}
    if isinstance(value, bytes):
        return {BYTES: base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value):
        fields = [f for f in dataclasses.fields(value) if IN_MEMORY not in f.metadata]
        return {field.name: getattr(value, field.name) for field in fields}
    kind = type(value)
    if kind.__module__.startswith(MOTO):
        return {OBJECT: f"{kind.__module__}:{kind.__name__}", "attributes": vars(value)}
    raise TypeError(f"a document cannot hold {kind.__name__}")


def _from_json(values: dict[str, Any]) -> Any:
    if TIME in values:
        return datetime.fromisoformat(values[TIME])
    if BYTES in values:
        return base64.b64decode(values[BYTES])
    if OBJECT in values:
        return _object_of_moto(values[OBJECT], values["attributes"])
    return values


def _object_of_moto(name: str, attributes: dict[str, Any]) -> Any:
    module, _, kind = name.partition(":")
    if not module.startswith(MOTO):
        raise StateError(f"a document of the state names {name}, which is not moto's")
    value = object.__new__(getattr(importlib.import_module(module), kind))
    vars(value).update(attributes)
    return value
