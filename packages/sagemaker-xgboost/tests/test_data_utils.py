"""Content types, channels, and how the files of a channel become a DMatrix."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xgboost
from container_jobs import REGRESSION, write_job
from pyarrow import parquet
from sagemaker_xgboost.container.data_utils import (
    get_content_type,
    import_xgboost,
    parse_header,
    validate_channels,
)
from sagemaker_xgboost.container.train import load_matrices, read_job
from sagemaker_xgboost.exceptions import UserError

# xgboost warns that its own text parser, which the image uses, is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NAN = float("nan")

CHANNEL = {
    "ContentType": "text/csv",
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
}


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (None, "libsvm"),
        ("CSV", "csv"),
        ("Text/CSV; charset=UTF-8", "csv"),
        ("text/csv; label_size = 1; charset=utf-8", "csv"),
        ('text/csv;label_size="1"', "csv"),
        ("text/x-libsvm", "libsvm"),
        ("application/x-parquet", "parquet"),
    ],
)
def test_a_content_type_names_a_format(content_type, kind):
    """Case and parameters do not matter."""
    assert get_content_type(content_type) == kind


@pytest.mark.parametrize("content_type", ["", "application/json", "label_size=1; csv"])
def test_unknown_content_types_are_refused_with_the_list(content_type):
    """The error lists all that the image accepts."""
    with pytest.raises(UserError) as caught:
        get_content_type(content_type)
    assert str(caught.value) == (
        f"{content_type} is not an accepted ContentType: csv, libsvm, parquet, "
        "recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, "
        "application/x-parquet, application/x-recordio-protobuf."
    )


@pytest.mark.parametrize(
    "content_type", ["recordio-protobuf", "application/x-recordio-protobuf"]
)
def test_recordio_is_refused_by_its_name(content_type):
    """The image reads RecordIO-protobuf; this package says that it does not."""
    with pytest.raises(UserError) as caught:
        validate_channels({"train": CHANNEL | {"ContentType": content_type}})
    assert str(caught.value).startswith(
        f"Content-type {content_type} is not supported by sagemaker-xgboost, which "
        "reads no RecordIO-protobuf."
    )


@pytest.mark.parametrize("size", ["0", "2", "1=1"])
def test_a_label_takes_one_column(size):
    """Any other label size is refused."""
    with pytest.raises(UserError) as caught:
        get_content_type(f"text/csv; label_size={size}")
    assert str(caught.value) == (
        f"text/csv; label_size={size} is not an accepted csv ContentType. "
        "Optional parameter label_size must be equal to 1"
    )


def test_a_semicolon_in_quotes_separates_nothing():
    """Parameters are split where a browser would split them."""
    assert parse_header('a/b; x="1;2"; y=\\"') == ("a/b", {"x": "1;2", "y": '\\"'})


@pytest.mark.parametrize(
    "content_type",
    [
        "csv",
        "libsvm",
        "parquet",
        "text/csv",
        "text/libsvm",
        "text/x-libsvm",
        "application/x-parquet",
    ],
)
@pytest.mark.parametrize("distribution", ["FullyReplicated", "ShardedByS3Key"])
def test_known_channels_are_accepted(content_type, distribution):
    """Seven names of three formats, on one host or spread over several."""
    channel = CHANNEL | {
        "ContentType": content_type,
        "S3DistributionType": distribution,
    }
    channels = {"train": channel, "validation": channel}
    assert validate_channels(channels) == channels


@pytest.mark.parametrize(
    "changes",
    [
        {"ContentType": "TEXT/CSV"},
        {"ContentType": "text/csv;label_size=1"},
        {"ContentType": "text/csv; charset=utf-8"},
        {"ContentType": "application/csv"},
        {"TrainingInputMode": "FastFile"},
        {"ContentType": "text/libsvm", "TrainingInputMode": "Pipe"},
    ],
)
def test_other_channel_configurations_are_refused(changes):
    """Training compares letter by letter, unlike serving, and names the channel."""
    channel = CHANNEL | changes
    with pytest.raises(UserError) as caught:
        validate_channels({"train": channel})
    assert str(caught.value) == (
        f"Channel configuration for 'train' channel is not supported: {channel}"
    )


def test_no_content_type_is_libsvm():
    """The default is not the one that most people expect."""
    channel = {key: value for key, value in CHANNEL.items() if key != "ContentType"}
    validated = validate_channels({"train": channel})
    assert validated["train"]["ContentType"] == "text/libsvm"


def test_other_channels_are_refused():
    """A test channel is extraneous."""
    with pytest.raises(UserError, match=r"^Extraneous channel found: test$"):
        validate_channels({"train": CHANNEL, "test": CHANNEL})


def test_a_code_channel_is_accepted():
    """The channel that script mode uses does no harm."""
    code = CHANNEL | {"ContentType": "text/python"}
    assert "code" in validate_channels({"train": CHANNEL, "code": code})


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
        return load_matrices(read_job(root), 0, links)["train"]

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
    """Headers and quotes are silently read as missing values."""
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


def test_parquet_that_cannot_be_read(load):
    """The reader's own words follow a line that says what was read."""
    with pytest.raises(
        UserError, match=r"^Failed to load parquet data with exception:\n"
    ):
        load({"a": b"nonsense"}, content_type="parquet")


def test_a_train_channel_without_data_is_an_error(load):
    """An empty train channel is named, with its path."""
    with pytest.raises(UserError) as caught:
        load({"a.csv": ""}, validation={"a.csv": REGRESSION})
    path = Path(str(caught.value).removeprefix("No data in training channel path "))
    assert path.parts[-3:] == ("input", "data", "train")


def test_a_validation_channel_without_data_is_an_error(load):
    """An empty validation channel does not mean: without validation."""
    with pytest.raises(UserError, match=r"^No data in validation channel path /"):
        load({"a.csv": REGRESSION}, validation={})


def test_identical_files_in_both_channels_are_suspicious(load, caplog):
    """One name and one size in both channels gives a warning."""
    load({"a.csv": REGRESSION}, validation={"a.csv": REGRESSION})
    assert "Suspected identical files found." in caplog.text


def run_python(script):
    """Run a script in an interpreter that has imported nothing else."""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_xgboost_is_imported_without_scikit_learn():
    """A job starts sooner; scikit-learn can still be imported afterwards."""
    run_python("""
import sys
from importlib.util import find_spec
from sagemaker_xgboost.container.data_utils import import_xgboost
xgboost = import_xgboost()
assert not {"sklearn", "pandas", "scipy.stats"} & set(sys.modules)
assert xgboost is import_xgboost()
assert xgboost.train and xgboost.DMatrix and xgboost.config_context
assert find_spec("sklearn")
""")


def test_scikit_learn_is_left_alone_where_it_is_in_use():
    """A process that uses scikit-learn or xgboost keeps what it has imported."""
    assert import_xgboost() is xgboost
    run_python("""
import sys
from types import ModuleType
from sagemaker_xgboost.container.data_utils import import_xgboost
mine = sys.modules["sklearn"] = ModuleType("sklearn")
import_xgboost()
assert sys.modules["sklearn"] is mine
""")
