"""What SageMaker does not have, told from any other refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# SageMaker has no code of its own for it.
SIGNS = ("could not find", "not found", "not exist")


@contextmanager
def missing_ok() -> Iterator[None]:
    """Leave the block where SageMaker does not have what it asks for."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if not is_missing(error):
            raise


def is_missing(error: Any) -> bool:
    """Tell whether SageMaker refused a call because something is not there."""
    message = error.response["Error"].get("Message", "").lower()
    return any(sign in message for sign in SIGNS)
