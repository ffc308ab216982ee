"""How the files of a channel become a matrix, and which of them cannot."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xgboost
from container_jobs import REGRESSION, write_job
from pyarrow import parquet
from sagemaker_xgboost.container.exceptions import UserError
from sagemaker_xgboost.container.job import load_matrices, read_job

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NAN = float("nan")


@pytest.fixture
def load(tmp_path):
    """Read the train channel of a job that has these files."""

    def read(files, *, content_type="text/csv", hyperparameters=None, **channels):
        given = {"num_round": "1", **(hyperparameters or {})}
        root = write_job(
            tmp_path / "ml",
            given,
            {"train": files, **channels},
            content_type=content_type,
        )
        links = tmp_path / "links"
        links.mkdir()
        return load_matrices(read_job(root), 0, links).train

    return read


def rows(matrix: xgboost.DMatrix) -> list[list[float]]:
    """Write a matrix out, label first, missing values as NaN."""
    data = matrix.get_data()
    dense = np.full(data.shape, np.nan)
    for row in range(data.shape[0]):
        part = slice(data.indptr[row], data.indptr[row + 1])
        dense[row, data.indices[part]] = data.data[part]
    return np.column_stack([matrix.get_label(), dense]).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3\n4,5,6", [[1, 2, 3], [4, 5, 6]]),
        ("1;2;3\n4;5;6\n", [[1, 2, 3], [4, 5, 6]]),
        ("1\t2\t3\n4\t5\t6\n", [[1, 2, 3], [4, 5, 6]]),
        ("1 2 3\n4 5 6\n", [[1, 2, 3], [4, 5, 6]]),
        ("1,2,3\r\n\r\n4,5,6\r\n", [[1, 2, 3], [4, 5, 6]]),
        ("\ufeff1,2,3\n4 , 5,6\n", [[1, 2, 3], [4, 5, 6]]),
        ("1,2,3,\n4,5,6,\n", [[1, 2, 3], [4, 5, 6]]),
        ("y,a,b\n4,5,6\n", [[0, NAN, NAN], [4, 5, 6]]),
        ('"1","2","3"\n4,5,6\n', [[0, NAN, NAN], [4, 5, 6]]),
        ("1,,3\n4,nan,NaN\n", [[1, NAN, 3], [4, NAN, NAN]]),
        ("1,abc,1x\n4,5,true\n", [[1, NAN, 1], [4, 5, NAN]]),
        (",2,3\na,5,6\n", [[0, 2, 3], [0, 5, 6]]),
        ("1,2\n4,5,6\n", [[1, 2, NAN], [4, 5, 6]]),
    ],
)
def test_csv_is_read_as_xgboost_reads_it(load, text, expected):
    """Headers and quotes are no errors, which is why they are so bad."""
    np.testing.assert_array_equal(rows(load({"train.csv": text})), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,inf,2\n2,1,2\n", "Input data contains `inf` or a value too large"),
        ("\n1,2\n", "Could not determine delimiter on line \n:\nCould not"),
        ("12\n34\n", "Delimiter '2' is not found in the line."),
    ],
)
def test_csv_that_cannot_be_read(load, text, message):
    """Infinity, a first line without delimiter and a single column are refused."""
    with pytest.raises(UserError) as caught:
        load({"train.csv": text})
    assert message in str(caught.value)


def test_the_second_column_may_be_a_weight(load):
    """With csv_weights the column after the label is no feature."""
    matrix = load({"a": "1,0.5,7\n2,1.5,8\n"}, hyperparameters={"csv_weights": "1"})
    assert matrix.get_weight().tolist() == [0.5, 1.5]
    assert rows(matrix) == [[1, 7], [2, 8]]


def test_files_are_read_in_the_order_of_their_names(load):
    """Folders count as well, three deep."""
    files = {"b/c/x.csv": "3,3\n", "a.csv": "1,1\n", "b/x.csv": "4,4\n"}
    assert rows(load(files)) == [[1, 1], [3, 3], [4, 4]]


def test_deeper_folders_are_left_out(load, caplog):
    """What lies too deep is lost with a warning only."""
    matrix = load({"a.csv": "1,1\n", "b/c/d/x.csv": "2,2\n"})
    assert rows(matrix) == [[1, 1]]
    assert "Files in deeper sub dirs won't be loaded" in caplog.text


def test_an_empty_marker_file_does_no_harm(load):
    """Spark leaves `_SUCCESS` behind."""
    assert rows(load({"_SUCCESS": "", "a.csv": "1,1\n"})) == [[1, 1]]


def test_hidden_files_are_refused(load):
    """A file whose name starts with a dot stops the job."""
    with pytest.raises(UserError, match=r"^Hidden file found in the data path! Remove"):
        load({"a.csv": "1,1\n", "b/.DS_Store": ""})


def test_csv_in_a_libsvm_channel_is_refused(load):
    """The classic mistake: no content type."""
    with pytest.raises(UserError) as caught:
        load({"train.csv": "0,0.34,1\n"}, content_type=None)
    assert str(caught.value) == (
        "First line '0,0.34,1\n...' of file 'train.csv' is not 'LIBSVM' format. "
        "Please ensure the file is in 'LIBSVM' format."
    )


@pytest.mark.parametrize(
    "text", ["1 0:2 1:3 \n", "1  0:2\n", "a 0:1\n", "1:2:3 0:1\n", "1 0:1:2 1:3\n"]
)
def test_malformed_libsvm_is_refused(load, text):
    """Blanks are counted, labels are numbers, features are pairs."""
    with pytest.raises(UserError, match="is not 'LIBSVM' format"):
        load({"a": text}, content_type="text/libsvm")


def test_libsvm_starts_at_zero(load):
    """A file that starts at 1 gets an empty first column."""
    matrix = load({"a": "1:0.5 0:2 1:3\n0:2 1:4 2:5\n"}, content_type="libsvm")
    expected = [[1, 2, 3, NAN], [0, NAN, 4, 5]]
    np.testing.assert_array_equal(rows(matrix), expected)
    assert matrix.get_weight().tolist() == [0.5, 2.0]


def test_parquet_has_its_label_first(load):
    """The columns' names do not matter."""
    table = pa.table({"y": [1.0, 2.0], "a": [3, 4], "b": [5.5, None]})
    file = io.BytesIO()
    parquet.write_table(table, file)
    matrix = load({"a.parquet": file.getvalue()}, content_type="application/x-parquet")
    np.testing.assert_array_equal(rows(matrix), [[1, 3, 5.5], [2, 4, NAN]])


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("parquet", "Failed to load parquet data with exception:\n"),
        (
            "recordio-protobuf",
            "Failed to load recordio-protobuf data with exception:\n"
            "Invalid RecordIO magic at offset 0",
        ),
    ],
)
def test_binary_files_that_cannot_be_read(load, content_type, message):
    """The reader's own words follow a line that says what was read."""
    with pytest.raises(UserError) as caught:
        load({"a": b"nonsense"}, content_type=content_type)
    assert str(caught.value).startswith(message)


def test_no_data_is_said_of_each_channel(load):
    """An empty train channel is named, with its path."""
    with pytest.raises(UserError) as caught:
        load({"a.csv": ""}, validation={"a.csv": REGRESSION})
    path = Path(str(caught.value).removeprefix("No data in training channel path "))
    assert path.parts[-3:] == ("input", "data", "train")


def test_no_validation_data_is_an_error_too(load):
    """An empty validation channel does not mean: without validation."""
    with pytest.raises(UserError, match=r"^No data in validation channel path /"):
        load({"a.csv": REGRESSION}, validation={})


def test_files_that_look_alike_are_warned_of(load, caplog):
    """One name and one size in both channels is suspicious."""
    load({"a.csv": REGRESSION}, validation={"a.csv": REGRESSION})
    assert "Suspected identical files found." in caplog.text
