"""Raw files are found, and identified, where `data:` of a model names them."""

import pytest
from embedded_aws.process import EmbeddedAWS
from model_packages import new_name

from lifecycle.aws import run_uri
from lifecycle.data import read_table
from lifecycle.errors import DataError, StorageError
from lifecycle.raw_files import data_version, raw_uri
from lifecycle.s3 import write_bytes


@pytest.fixture
def uri(aws: EmbeddedAWS) -> str:
    """The URI of a raw file."""
    return run_uri(new_name(), "r1", "raw.csv")


def test_a_missing_raw_file_is_an_error(uri):
    """The remedy is the key of model.yaml that names the file."""
    with pytest.raises(StorageError, match=r"check `data` in model\.yaml"):
        read_table(uri, ["a"])


def test_a_folder_that_stands_for_a_column_is_refused(uri):
    """The value in its name would be lost."""
    write_bytes(f"{uri}/year=2024/part.csv", b"a,b\n1,2\n")

    with pytest.raises(DataError, match=r"year=2024/part\.csv: is in a folder that"):
        read_table(f"{uri}/")


def test_raw_data_is_in_the_project_s_bucket_unless_it_is_a_uri(aws: EmbeddedAWS):
    """Its file alone is below the model's name, which has to be known."""
    assert raw_uri("", "s3://b/k.csv") == "s3://b/k.csv"
    assert raw_uri("toy", "k.csv") == "s3://" + run_uri("toy", "r").split("/")[2] + (
        "/toy/raw/k.csv"
    )
    with pytest.raises(DataError, match=r"read_table\(data, \.\.\., model=model\)"):
        read_table("k.csv", ["a"])


def test_raw_data_has_another_version_when_any_file_changes(aws: EmbeddedAWS):
    """A file by itself, or the files of a folder; none if nothing is there."""
    model, versions = new_name(), set()
    for content in (b"a\n1\n", b"a\n2\n"):
        write_bytes(raw_uri(model, "one.csv"), content)
        write_bytes(raw_uri(model, "many/1.csv"), content)
        versions |= {data_version(model, one) for one in ("one.csv", "many/", "many")}

    assert len(versions) == 4
    assert data_version(model, "none.csv") == ""
