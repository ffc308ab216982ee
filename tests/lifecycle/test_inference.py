"""A model's own inference code predicts in a notebook as it does at its endpoint."""

import io
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import run_uri
from lifecycle.errors import DataError, IntegrityError, StorageError
from lifecycle.inference import answer, load_model, load_scripted
from lifecycle.s3 import write_bytes

BODY = "1,2\n3,4"


def upload(model: str, code: str) -> str:
    """Put an archive with inference code where a training job would."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("code/infer.py")
        member.size = len(code)
        archive.addfile(member, io.BytesIO(code.encode()))
    return write_bytes(run_uri(model, "r1", "model.tar.gz"), packed.getvalue())


def module(**functions: Any) -> SimpleNamespace:
    """Make a module whose model adds up the numbers of a row."""
    own = {"model_fn": lambda folder: SimpleNamespace(predict=lambda x: x.sum(axis=1))}
    return SimpleNamespace(**own | functions)


def ask(code: SimpleNamespace, body: str) -> str:
    """Load the module's model, and ask it."""
    return answer(code, load_model(code, ""), body)


def test_functions_that_are_missing_are_the_images() -> None:
    """CSV is read as numbers, predictions are written a line each."""
    assert ask(module(), BODY) == "3.0\n7.0\n"


def test_own_functions_are_used() -> None:
    """Text, bytes and a pair with the content type are answers."""
    pair = module(output_fn=lambda prediction, accept: (b"7", accept))
    assert ask(pair, BODY) == "7"
    whole = module(transform_fn=lambda model, body, kind, accept: f"{body} as {accept}")
    assert ask(whole, "1") == "1 as text/csv"
    with pytest.raises(NotImplementedError, match="Please provide a model_fn"):
        load_model(SimpleNamespace(), "")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ValueError('no weights')", "code/infer.py: ValueError: no weights"),
        (
            "def model_fn(d): return d\ndef transform_fn(*_): return '1'",
            "code/infer.py: 1 predictions for 2 rows",
        ),
        (
            "def model_fn(d): return d\ndef transform_fn(*_): return 'a b'",
            "could not convert string to float: 'a'; answer in CSV",
        ),
    ],
)
def test_code_that_fails_is_named(
    aws: EmbeddedAWS, model: str, code: str, said: str
) -> None:
    """The error has the archive, the file and the last line of the traceback."""
    scripted = load_scripted(upload(model, code), "infer.py")

    with pytest.raises(DataError, match=r"model\.tar\.gz: ") as caught:
        scripted.predict([[1, 2], [3, 4]])

    assert said in str(caught.value)


def test_an_archive_must_be_the_one_that_is_meant(aws: EmbeddedAWS, model: str) -> None:
    """Another one, and one without the code, are refused."""
    uri = upload(model, "")
    with pytest.raises(IntegrityError, match="registered was 0000"):
        load_scripted(uri, "infer.py", "0" * 64)
    with pytest.raises(StorageError, match=r"has no code/other\.py, which has to"):
        load_scripted(uri, "other.py")
