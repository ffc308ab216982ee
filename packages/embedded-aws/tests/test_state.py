"""Documents and files: what is kept, when it is committed, and what is refused."""

import sqlite3
import threading
from datetime import UTC, datetime

import pytest
from embedded_aws.files import CHUNK_BYTES, Content, Files
from embedded_aws.state import DATABASE, State, StateError, decode, encode
from moto.s3.models import get_canned_acl


@pytest.fixture
def opened(tmp_path):
    """Give a function that opens the state of one folder, as a new process does."""
    states = []

    def open_state():
        states.append(State())
        states[-1].open(tmp_path)
        return states[-1]

    yield open_state
    for each in states:
        each.close()


def names(state):
    """List the files of a state."""
    return {path.name for path in state.files.folder.iterdir()}


def test_finds_what_another_run_saved(opened):
    """The last of each document, in the order in which they were first saved."""
    state = opened()
    for name, value in [("b", 1), ("a", 2), ("b", 3), ("c", 4)]:
        state.save("kind", name, {"value": value})
    state.save("other", "b", {})
    state.delete("kind", "c")
    again = opened()
    assert list(again.load("kind")) == [{"value": 3}, {"value": 2}]
    assert list(again.load("kind", "a")) == [{"value": 2}]


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 2, 3, 4, 5, 6),
        datetime(2026, 1, 2, tzinfo=UTC),
        b"\x00\xff",
        {"text": ["Köln", None, 1.5, True]},
    ],
)
def test_a_document_holds_plain_values_times_and_bytes(value):
    """What is decoded is what was encoded."""
    assert decode(encode({"key": value})) == {"key": value}


def test_a_document_holds_objects_of_moto():
    """They come back as what they were, and nothing else can be made so."""
    acl = get_canned_acl("public-read")
    assert decode(encode({"acl": acl}))["acl"].public_read
    text = encode({"acl": acl}).replace("moto.s3.models:FakeAcl", "subprocess:Popen")
    with pytest.raises(StateError, match="subprocess:Popen, which is not moto's"):
        decode(text)


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(opened):
    """An error in the block loses all that was saved in it, and no file."""
    state = opened()
    first = state.files.write([b"first"])
    state.save("kind", "a", {"value": 1}, [first.name])

    def fail():
        with state.transaction():
            state.save("kind", "a", {"value": 2})
            state.save("kind", "b", {"value": 2})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    again = opened()
    assert list(again.load("kind")) == [{"value": 1}]
    assert bytes(again.files.open(first.name)) == b"first"


def test_a_change_of_another_thread_is_not_undone(opened):
    """A job that a request starts may be further than the request when that ends."""
    state = opened()
    job = {"status": "Starting"}

    def train():
        job["status"] = "Training"
        state.save("job", "a", job)

    with state.transaction():
        state.save("job", "a", job)
        thread = threading.Thread(target=train)
        thread.start()
        thread.join(60)

    assert list(opened().load("job")) == [{"status": "Training"}]


def test_files_go_with_the_last_document_that_names_them(opened):
    """Replaced, deleted and abandoned contents leave nothing behind."""
    state = opened()
    old, new, abandoned = (state.files.write([each]) for each in (b"1", b"2", b"3"))
    state.save("kind", "a", {}, [old.name])
    state.save("kind", "a", {}, [new.name])
    assert names(state) == {new.name, abandoned.name}
    again = opened()
    assert names(again) == {new.name}
    again.delete("kind", "a")
    assert names(again) == set()


def test_after_its_end_nothing_is_changed(opened):
    """A call that would not be kept is not answered as if it was."""
    state = opened()
    state.close()
    with pytest.raises(StateError, match="was not kept"):
        state.save("kind", "a", {})


@pytest.mark.parametrize(("version", "age"), [(99, "newer"), (-1, "older")])
def test_another_version_is_refused(opened, tmp_path, version, age):
    """The error names the folder and both versions, and changes nothing."""
    opened().close()
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    with pytest.raises(StateError, match=f"{tmp_path}: .* {age} .*{version}; this one"):
        opened()


def test_what_is_no_database_is_refused(opened, tmp_path):
    """The error names the file."""
    (tmp_path / DATABASE).write_text("not a database " * 100)
    with pytest.raises(StateError, match=f"{DATABASE}: file is not a database"):
        opened()


def test_a_content_is_read_in_parts(tmp_path):
    """It has the length, slices and chunks of bytes, also when the file is gone."""
    expected = bytes(range(256)) * 8192
    path = tmp_path / "content"
    path.write_bytes(expected)
    content, part = Content(path), Content(path)[10:20]
    path.unlink()
    assert len(content) == len(expected)
    assert [len(chunk) for chunk in content] == [CHUNK_BYTES, CHUNK_BYTES]
    assert bytes(content) == expected
    assert (len(part), bytes(part)) == (10, expected[10:20])


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    """A file appears with all of its content, or not at all."""
    files = Files(tmp_path)

    def broken():
        yield b"begin"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        files.write(broken())
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_independent(tmp_path):
    """Removing a file leaves its copy."""
    files = Files(tmp_path)
    first = files.write([b"content"])
    copy = files.copy(files.open(first.name))
    files.remove([first.name])
    assert bytes(files.open(copy)) == b"content"
