"""What all named SageMaker resources have in common."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any, Generic, TypeVar

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError

Values = dict[str, Any]
Tag = dict[str, str]


@dataclass(kw_only=True)
class Resource:
    """Keep what was asked for, and what has become of it."""

    name: str
    arn: str
    request: Values
    tags: list[Tag] = field(default_factory=list)
    creation_time: datetime = field(default_factory=utcnow)
    last_modified_time: datetime = field(default_factory=utcnow)
    status: str = ""

    def describe(self) -> Values:
        """Answer Describe: the request, and the times."""
        times = {
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
        }
        return self.request | times

    def touch(self) -> None:
        """Note that something has changed."""
        self.last_modified_time = utcnow()


R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Say whose and where a resource is, and what guards it."""

    account_id: str
    region: str
    partition: str
    lock: RLock = field(default_factory=RLock)

    def arn(self, kind: str, name: str) -> str:
        """Name a resource as AWS does."""
        prefix = f"arn:{self.partition}:sagemaker:{self.region}:{self.account_id}"
        return f"{prefix}:{kind}/{name}"


class Collection(Generic[R]):
    """Keep all resources of one kind by name."""

    kind = ""
    words = ""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.resources: dict[str, R] = {}

    def arn(self, name: str) -> str:
        """Name a resource of this kind as AWS does."""
        return self.place.arn(self.kind, name)

    def find(self, name: str) -> R:
        """Find a resource, or refuse as AWS does."""
        if name not in self.resources:
            raise ValidationError(f'Could not find {self.words} "{self.arn(name)}".')
        return self.resources[name]

    def refuse_duplicate(self, name: str) -> None:
        """Refuse a name that is taken."""
        if name in self.resources:
            text = f'Cannot create already existing {self.words} "{self.arn(name)}".'
            raise ValidationError(text)

    def delete(self, name: str) -> None:
        """Forget a resource."""
        found = self.find(name)
        self.resources = {k: v for k, v in self.resources.items() if v is not found}


def merge_tags(tags: Iterable[Tag], new: Iterable[Tag]) -> list[Tag]:
    """Add tags; a key that is already there gets the new value."""
    merged = {tag["Key"]: tag["Value"] for tag in [*tags, *new]}
    return [{"Key": key, "Value": value} for key, value in merged.items()]
