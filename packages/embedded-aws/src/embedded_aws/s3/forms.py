"""Uploads from a form: its fields, and what the policy signed for it allows."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.request import Request
from moto.s3.exceptions import S3ClientError

SIGNATURE = re.compile(
    "x-amz-(algorithm|credential|date|signature|security-token)"
    "|awsaccesskeyid|signature"
)
METADATA = "x-amz-meta-"


class DeniedError(S3ClientError):
    """Report a form that its policy does not allow."""

    code = "AccessDenied"


class InvalidPolicyError(S3ClientError):
    """Report a policy that cannot be read."""

    code = "InvalidPolicyDocument"


def form_parameters(form: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a form that are parameters of PostObject, by their names."""
    fields = (name.lower() for name in form)
    return {
        f"{METADATA}*" if field.startswith(METADATA) else field: "-"
        for field in fields
        if not SIGNATURE.fullmatch(field)
    }


def hoist_acl(request: Request) -> None:
    """Take the ACL in a form for the header in which other calls have it."""
    if acl := request.form.get("acl"):
        request.environ["HTTP_X_AMZ_ACL"] = acl


def check_form(form: Mapping[str, str], bucket: str, size: int) -> None:
    """Raise S3's error for an upload that its policy does not allow.

    Args:
        size: of the content, in bytes.
    """
    fields = {name.lower(): value for name, value in form.items()}
    if "policy" not in fields:
        raise DeniedError("The form has no policy: the embedded AWS takes signed ones.")
    expiration, conditions = _read(fields["policy"])
    if datetime.now(UTC) > expiration:
        raise DeniedError("Invalid according to Policy: Policy expired.")
    values = fields | {"bucket": bucket}
    for condition in conditions:
        if not _holds(condition, values, size):
            text = f"Policy Condition failed: {json.dumps(condition)}"
            raise DeniedError(f"Invalid according to Policy: {text}")


def _read(policy: str) -> tuple[datetime, list[Any]]:
    try:
        document = json.loads(base64.b64decode(policy, validate=True))
        expiration = datetime.fromisoformat(document["expiration"])
        conditions = list(document["conditions"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidPolicyError(f"Invalid Policy: {error}") from error
    return expiration.astimezone(UTC), conditions


def _holds(condition: Any, values: Mapping[str, str], size: int) -> bool:
    if isinstance(condition, dict):
        return all(values.get(k.lower()) == str(v) for k, v in condition.items())
    if not isinstance(condition, list) or len(condition) != 3:
        raise InvalidPolicyError(f"Invalid Policy: {json.dumps(condition)[:200]}")
    kind, first, second = condition
    if kind == "content-length-range":
        return int(first) <= size <= int(second)
    value = values.get(str(first).lstrip("$").lower(), "")
    if kind == "starts-with":
        return value.startswith(str(second))
    return kind == "eq" and value == str(second)
