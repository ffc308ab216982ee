"""How the image reads a content type where it is lenient."""

import pytest
from sagemaker_xgboost.container.content_types import parse_content_type, parse_header
from sagemaker_xgboost.container.exceptions import UserError


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
        ("application/x-recordio-protobuf", "recordio-protobuf"),
    ],
)
def test_a_content_type_names_a_format(content_type, kind):
    """Case and parameters do not matter."""
    assert parse_content_type(content_type) == kind


@pytest.mark.parametrize("content_type", ["", "application/json", "label_size=1; csv"])
def test_unknown_content_types_are_refused_with_the_list(content_type):
    """The refusal lists all that is accepted."""
    with pytest.raises(UserError) as caught:
        parse_content_type(content_type)
    assert str(caught.value) == (
        f"{content_type} is not an accepted ContentType: csv, libsvm, parquet, "
        "recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, "
        "application/x-parquet, application/x-recordio-protobuf."
    )


@pytest.mark.parametrize("size", ["0", "2", "1=1"])
def test_a_label_takes_one_column(size):
    """Any other label size is refused."""
    with pytest.raises(UserError) as caught:
        parse_content_type(f"text/csv; label_size={size}")
    assert str(caught.value) == (
        f"text/csv; label_size={size} is not an accepted csv ContentType. "
        "Optional parameter label_size must be equal to 1"
    )


def test_a_semicolon_in_quotes_ends_nothing():
    """Parameters are split where a browser would split them."""
    assert parse_header('a/b; x="1;2"; y=\\"') == ("a/b", {"x": "1;2", "y": '\\"'})
