"""The content types that the image accepts, and how their headers are read."""

from sagemaker_xgboost.container.exceptions import UserError

CSV = "csv"
LIBSVM = "libsvm"
PARQUET = "parquet"
RECORDIO_PROTOBUF = "recordio-protobuf"

# In the order in which a refusal lists them.
FORMATS = {
    "csv": CSV,
    "libsvm": LIBSVM,
    "parquet": PARQUET,
    "recordio-protobuf": RECORDIO_PROTOBUF,
    "text/csv": CSV,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "application/x-parquet": PARQUET,
    "application/x-recordio-protobuf": RECORDIO_PROTOBUF,
}


def parse_header(header: str) -> tuple[str, dict[str, str]]:
    """Split a header into its value and its parameters."""
    value, *rest = split_parameters(header)
    parameters = {}
    for part in rest:
        name, equals, text = part.partition("=")
        if equals:
            parameters[name.strip().lower()] = unquote(text.strip())
    return value.strip(), parameters


def split_parameters(header: str) -> list[str]:
    """Split a header at the semicolons that stand outside quotes."""
    parts = [""]
    quoted = False
    for character in header:
        quoted ^= character == '"'
        if character == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def unquote(text: str) -> str:
    """Take the quotes off a parameter that has them."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace("\\\\", "\\").replace('\\"', '"')
    return text


def parse_content_type(content_type: str | None) -> str:
    """Name the format that a content type stands for; none stands for libsvm."""
    if content_type is None:
        return LIBSVM
    value, parameters = parse_header(content_type.lower())
    if value not in FORMATS:
        raise UserError(
            f"{content_type} is not an accepted ContentType: {', '.join(FORMATS)}."
        )
    if FORMATS[value] == CSV and parameters.get("label_size", "1") != "1":
        raise UserError(
            f"{content_type} is not an accepted csv ContentType. "
            "Optional parameter label_size must be equal to 1"
        )
    return FORMATS[value]
