"""In every row somebody is served a verified version, and running again succeeds.

`make reliability` carries all rows out and writes docs/reliability.md. Without it some
rows are carried out, and the document has to tell of them what they came to.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from embedded_aws.process import EmbeddedAWS, start

from reliability import document
from reliability.measure import Measured, measure
from reliability.rows import ROWS

pytestmark = pytest.mark.slow

EVERYTHING = bool(os.environ.get("RELIABILITY"))
# One of each kind: of training, deploying and going back; of fault and interruption.
SOME = (
    "The answer to CreateTrainingJob is lost",
    "SIGTERM during training",
    "The disk is full while archiving",
    "A new version fails its ping",
    "The approved model.tar.gz is cut in half",
    "SIGTERM during the update",
    "Two deploys at once",
    "Approval is withdrawn between approve and deploy",
    "SIGTERM on the way back",
)
NAMES = [row.name for row in ROWS if EVERYTHING or row.name in SOME]
GOOD = {"nothing", "version 1", "version 2"}


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedAWS]:
    """One embedded AWS for all rows, each of which has a model of its own."""
    with start() as aws, pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name == "CI" or name.startswith(("AWS_", "CIRCLE", "SAGEMAKER_")):
                patch.delenv(name)
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        yield aws


@pytest.fixture(scope="module")
def measured(
    embedded: EmbeddedAWS, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Measured]]]:
    """What every row comes to, two at a time."""
    folder = tmp_path_factory.mktemp("reliability")
    with ThreadPoolExecutor(2) as threads:
        rows = [
            (row.name, threads.submit(measure, row, number, embedded, folder))
            for number, row in enumerate(ROWS, 1)
            if row.name in NAMES
        ]
        yield dict(rows)
        threads.shutdown(cancel_futures=True)


@pytest.fixture(autouse=True)
def clean_environ() -> None:
    """Leave the environment to `embedded`, which all threads share."""


@pytest.mark.parametrize("name", NAMES)
def test_the_endpoint_serves_a_verified_version_throughout(
    measured: dict[str, Future[Measured]], name: str
) -> None:
    """Whatever happens, and the same command succeeds once it is over."""
    row = measured[name].result()

    assert set(row.served) <= GOOD
    # Where something was live, something stays live.
    assert row.before == "nothing" or "nothing" not in row.served
    assert row.finally_live.endswith(", verified")
    assert row.again == 0
    assert row.evidence
    assert row.message


def test_the_document_tells_what_happens(
    measured: dict[str, Future[Measured]],
) -> None:
    """It is written from these rows, and never by hand."""
    rows = [one.result() for one in measured.values()]
    if EVERYTHING:
        document.write(rows)
    text = document.PATH.read_text(encoding="utf-8")

    for row in rows:
        assert document.as_line(row) in text.splitlines()


def test_the_document_knows_every_row_and_fault() -> None:
    """A row or a kind of fault that is added appears in it."""
    text = document.PATH.read_text(encoding="utf-8")

    assert [row.name for row in ROWS if f"| {row.name} |" not in text] == []
    assert all(part in text for part in document.parts())
    assert len(ROWS) >= 25
