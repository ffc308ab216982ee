"""In every row the endpoint serves a verified version, and running again succeeds.

`make reliability` carries all rows out and writes docs/reliability.md. Without it two
rows are carried out, and the document has to say of them what happened; the tests of
`lifecycle` and of the runner inject the faults of most others, without a process each.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import clones
import pytest
from embedded_aws import EmbeddedAWS
from story.reliability import document
from story.reliability.measure import NO_AWS, Measured, measure, measure_alone
from story.reliability.rows import ROWS

pytestmark = pytest.mark.slow

EVERYTHING = bool(os.environ.get("RELIABILITY"))
# What takes real processes: to interrupt a training, and a deploy.
SOME = ("SIGTERM during training", "SIGTERM during the update")
CHOSEN = {row.name: row for row in ROWS if EVERYTHING or row.name in SOME}
GOOD = {"nothing", "version 1", "version 2"}


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedAWS]:
    """One embedded AWS for all rows, each of which has a model of its own."""
    with clones.start_aws() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        yield aws


@pytest.fixture(scope="module")
def measured(
    embedded: EmbeddedAWS, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Measured]]:
    """Return what a row comes to; all rows are measured two at a time."""
    folder = tmp_path_factory.mktemp("reliability")
    models = {row.name: f"r{number:02}" for number, row in enumerate(ROWS, 1)}

    alone: dict[str, Measured] = {}

    def one(name: str) -> Measured:
        return measure(CHOSEN[name], models[name], embedded, folder)

    if not EVERYTHING:
        # pytest-xdist gives each of its processes some of the rows.
        yield one
        return
    with ThreadPoolExecutor(2) as threads:
        shared = [name for name, row in CHOSEN.items() if not row.own_aws]
        rows = {name: threads.submit(one, name) for name in shared}

        def found(name: str) -> Measured:
            if name in rows:
                return rows[name].result()
            # The variables that lead to an embedded AWS are those of all threads.
            wait(rows.values())
            if name not in alone:
                alone[name] = measure_alone(CHOSEN[name], models[name], folder)
            return alone[name]

        yield found
        threads.shutdown(cancel_futures=True)


@pytest.fixture(autouse=True)
def clean_environ() -> None:
    """Leave the environment to `embedded`, which all threads share."""


@pytest.mark.parametrize("name", CHOSEN)
def test_the_endpoint_serves_a_verified_version_throughout(
    measured: Callable[[str], Measured], name: str
) -> None:
    """Whatever fails, and the same command succeeds once that is over."""
    row = measured(name)

    gone = {NO_AWS} if CHOSEN[name].own_aws else set()
    assert set(row.served) - gone <= GOOD
    # Where something was live, something stays live.
    assert row.before == "nothing" or "nothing" not in row.served
    assert row.finally_live.endswith(", verified")
    assert row.again == 0
    assert row.evidence
    assert row.message
    if not EVERYTHING:
        text = document.PATH.read_text(encoding="utf-8")
        assert document.as_line(row) in text.splitlines()


def test_the_document_knows_every_row_and_fault(
    measured: Callable[[str], Measured],
) -> None:
    """It is written from the rows, so one that is added appears in it."""
    if EVERYTHING:
        document.write([measured(name) for name in CHOSEN])
    text = document.PATH.read_text(encoding="utf-8")

    assert [row.name for row in ROWS if f"| {row.name} |" not in text] == []
    assert all(part in text for part in document.parts())
    assert len(ROWS) >= 25
