"""What all named SageMaker resources share: ARNs, tags, and pages of lists."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any, Generic, TypeVar

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError

from embedded_aws.refusals import refusal
from embedded_aws.sagemaker.parameters import SAGEMAKER
from embedded_aws.state import state

Values = dict[str, Any]
Tag = dict[str, str]

DEFAULT_PAGE_SIZE = 10


def refuse(action: str, parameters: Mapping[str, Any]) -> None:
    """Raise an error that names every parameter of a request that would be ignored.

    Raises:
        ValidationError: there are some.
        NotImplementedError: nothing implements the action.
    """
    if text := refusal(SAGEMAKER, action, parameters):
        raise ValidationError(text)


@dataclass(kw_only=True)
class Resource:
    """Keep the request that made a resource, and its state since."""

    name: str
    arn: str
    request: Values
    tags: list[Tag] = field(default_factory=list)
    creation_time: datetime = field(default_factory=utcnow)
    last_modified_time: datetime = field(default_factory=utcnow)
    status: str = ""

    def describe(self) -> Values:
        """Answer the Describe action: the request, and the times."""
        times = {
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
        }
        return self.request | times

    def summary(self) -> Values:
        """Return the resource's entry in the answer of the List action."""
        return self.describe()

    def files(self) -> list[str]:
        """Return the names of the stored files that the resource needs."""
        return []

    def touch(self) -> None:
        """Set the time of the last modification to now."""
        self.last_modified_time = utcnow()


R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Name the account and region of resources, and hold the lock of their state."""

    account_id: str
    region: str
    partition: str
    lock: RLock = field(default_factory=RLock)

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a resource."""
        prefix = f"arn:{self.partition}:sagemaker:{self.region}:{self.account_id}"
        return f"{prefix}:{kind}/{name}"


class Collection(Generic[R]):
    """Keep all resources of one kind and region by name, also between runs."""

    made_of: type[R]
    kind = ""  # in an ARN
    words = ""  # in an error message
    summaries = ""  # in the answer of the List action
    order = "Descending"  # of the List action, where a request gives none

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.resources: dict[str, R] = {}

    def load(self) -> None:
        """Find the resources that an earlier run kept."""
        for document in state.load(self.kind, self.arn("")):
            resource = self.restore(document)
            self.resources[self.key(resource)] = resource

    def restore(self, document: Values) -> R:
        """Return the resource that a document keeps."""
        return self.made_of(**document)

    def key(self, resource: R) -> str:
        """Return what a resource is found by."""
        return resource.name

    def new(self, name: str, request: Values, **more: Any) -> R:
        """Make the resource that a request creates, with what only its kind has."""
        return self.made_of(
            name=name,
            arn=self.arn(name),
            request=request,
            tags=list(request.get("Tags", [])),
            **more,
        )

    def add(self, resource: R) -> None:
        """Add a new resource."""
        self.save(resource)
        self.resources[self.key(resource)] = resource

    def save(self, resource: R) -> None:
        """Keep a resource as it is now."""
        state.save(self.kind, resource.arn, resource, resource.files())

    def remove(self, resource: R) -> None:
        """Remove a resource."""
        state.delete(self.kind, resource.arn)
        self.resources = {k: v for k, v in self.resources.items() if v is not resource}

    def arn(self, name: str) -> str:
        """Return the ARN of a resource of this kind."""
        return self.scope.arn(self.kind, name)

    def find(self, name: str) -> R:
        """Return a resource, or raise AWS's error."""
        if name not in self.resources:
            raise ValidationError(f'Could not find {self.words} "{self.arn(name)}".')
        return self.resources[name]

    def check_unused(self, name: str) -> None:
        """Raise AWS's error if a name is taken."""
        if name in self.resources:
            text = f'Cannot create already existing {self.words} "{self.arn(name)}".'
            raise ValidationError(text)

    def delete(self, name: str) -> None:
        """Delete a resource."""
        self.remove(self.find(name))

    def list_page(self, request: Values) -> Values:
        """Answer the List action."""
        found, token = page(self.listed(request), request, order=self.order)
        return {self.summaries: [r.summary() for r in found], "NextToken": token}

    def listed(self, request: Values) -> Iterable[R]:
        """Return the resources that the List action chooses from."""
        return self.resources.values()


def merge_tags(tags: Iterable[Tag], new: Iterable[Tag]) -> list[Tag]:
    """Add tags; a key that is already there gets the new value."""
    merged = {tag["Key"]: tag["Value"] for tag in [*tags, *new]}
    return [{"Key": key, "Value": value} for key, value in merged.items()]


def page(
    resources: Iterable[R], request: Values, *, order: str = "Descending"
) -> tuple[list[R], str | None]:
    """Return one page of the resources that match a request, and the next token.

    A token holds the sort key of the last resource shown. Moto's Paginator holds the
    name of the next one instead, and fails where that is deleted meanwhile.
    """
    by = request.get("SortBy", "CreationTime")
    backwards = request.get("SortOrder", order) == "Descending"
    found = [each for each in resources if matches(each, request)]
    found.sort(key=lambda each: sort_key(each, by), reverse=backwards)
    if token := request.get("NextToken"):
        last = _decode(token)
        keys = [sort_key(each, by) for each in found]
        later = [key < last if backwards else key > last for key in keys]
        found = [each for each, is_later in zip(found, later, strict=True) if is_later]
    size = request.get("MaxResults", DEFAULT_PAGE_SIZE)
    more = _encode(sort_key(found[size - 1], by)) if len(found) > size else None
    return found[:size], more


def matches(resource: Resource, request: Values) -> bool:
    """Check the filters that all List actions have."""
    created, modified = resource.creation_time, resource.last_modified_time
    return (
        request.get("NameContains", "").lower() in resource.name.lower()
        and request.get("StatusEquals", resource.status) == resource.status
        and created > request.get("CreationTimeAfter", created.min)
        and created < request.get("CreationTimeBefore", created.max)
        and modified > request.get("LastModifiedTimeAfter", created.min)
        and modified < request.get("LastModifiedTimeBefore", created.max)
    )


def sort_key(resource: Resource, by: str) -> tuple[str, str]:
    """Return what a resource is sorted by, as text that a token can hold."""
    keys = {
        "Name": resource.name,
        "Status": resource.status,
        "CreationTime": resource.creation_time.isoformat(timespec="microseconds"),
    }
    # ARNs of versions end in a number, which must sort as one.
    stem, _, last = resource.arn.rpartition("/")
    return keys[by], f"{stem}/{last.zfill(12) if last.isdigit() else last}"


def _encode(key: tuple[str, str]) -> str:
    return base64.b64encode(json.dumps(key).encode()).decode()


def _decode(token: str) -> tuple[str, str]:
    try:
        key, arn = json.loads(base64.b64decode(token))
    except ValueError as error:
        raise ValidationError("Invalid pagination token") from error
    return key, arn
