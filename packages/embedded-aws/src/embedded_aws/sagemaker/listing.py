"""Filters, order and pages of the List actions."""

import base64
import json
from collections.abc import Iterable
from typing import TypeVar

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker.resources import Resource, Values

R = TypeVar("R", bound=Resource)

DEFAULT_PAGE = 10


def page(
    resources: Iterable[R], request: Values, *, order: str = "Descending"
) -> tuple[list[R], str | None]:
    """Select one page of resources, and the token of the next."""
    chosen = [each for each in resources if matches(each, request)]
    by = request.get("SortBy", "CreationTime")
    backwards = request.get("SortOrder", order) == "Descending"
    chosen.sort(key=lambda each: place(each, by), reverse=backwards)
    if token := request.get("NextToken"):
        last = decode(token)
        chosen = [e for e in chosen if after(place(e, by), last, backwards)]
    size = request.get("MaxResults", DEFAULT_PAGE)
    more = encode(place(chosen[size - 1], by)) if len(chosen) > size else None
    return chosen[:size], more


def matches(resource: Resource, request: Values) -> bool:
    """Tell whether a resource passes the filters that all lists have."""
    created, modified = resource.creation_time, resource.last_modified_time
    return (
        request.get("NameContains", "").lower() in resource.name.lower()
        and request.get("StatusEquals", resource.status) == resource.status
        and created > request.get("CreationTimeAfter", created.min)
        and created < request.get("CreationTimeBefore", created.max)
        and modified > request.get("LastModifiedTimeAfter", created.min)
        and modified < request.get("LastModifiedTimeBefore", created.max)
    )


def place(resource: Resource, by: str) -> tuple[str, str]:
    """Give a resource its place in the order, as text that a token can hold."""
    keys = {
        "Name": resource.name,
        "Status": resource.status,
        "CreationTime": resource.creation_time.isoformat(timespec="microseconds"),
    }
    # ARNs of versions end in a number, which must sort as one.
    stem, _, last = resource.arn.rpartition("/")
    return keys[by], f"{stem}/{last.zfill(12) if last.isdigit() else last}"


def after(place: tuple[str, str], last: tuple[str, str], backwards: bool) -> bool:
    """Tell whether a place comes after the last one of the page before."""
    return place < last if backwards else place > last


def encode(place: tuple[str, str]) -> str:
    """Make the token of the page after this place."""
    return base64.b64encode(json.dumps(place).encode()).decode()


def decode(token: str) -> tuple[str, str]:
    """Read a token."""
    try:
        key, arn = json.loads(base64.b64decode(token))
    except ValueError as error:
        raise ValidationError("Invalid pagination token") from error
    return key, arn
