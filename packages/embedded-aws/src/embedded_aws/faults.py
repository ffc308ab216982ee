"""Faults on demand, for tests and rehearsals.

| kind                     | what goes wrong                                          |
|--------------------------|----------------------------------------------------------|
| training-algorithm-error | the job fails in the algorithm (`message`)               |
| training-client-error    | the job fails in the download of its data (`message`)    |
| training-stopped         | the job is stopped while it trains                       |
| training-slow            | the job trains `seconds` longer                          |
| model-data-lost          | the job completes, but leaves no model.tar.gz            |
| model-data-truncated     | the job completes, its model.tar.gz cut in half          |
| ping-failure             | the container of a new variant does not answer its ping  |
| wrong-predictions        | a new variant predicts each number one too high          |
| silent-rollback          | the update ends InService, with the old configuration    |
| rollback-failed          | a failed update cannot be rolled back, nor go on         |
| out-of-service           | the update ends OutOfService: nothing answers            |
| endpoint-stuck           | Creating or Updating until the fault is cleared          |
| endpoint-slow            | Creating or Updating takes `seconds` longer              |
| throttling               | the call is refused with ThrottlingException             |
| connection-reset         | the connection is reset before the call is carried out   |
| response-lost            | the call is carried out, the connection reset after it   |
| expired-credentials      | the call is refused with ExpiredToken                    |
| clock-skew               | the call is refused, as from a clock that is wrong       |
| s3-access-denied         | the call to S3, also a job's own, is refused             |
| service-unavailable      | the call is refused with a 503                           |

`operation` is CreateEndpoint, UpdateEndpoint or RollingBack for the endpoint's kinds,
and the name of the action for those that concern a call.
`name` is a pattern for the training job, endpoint or S3 `bucket/key`; for the
kinds that concern a call it is found anywhere in its path or body.
"""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args
from uuid import uuid4

Kind = Literal[
    "training-algorithm-error",
    "training-client-error",
    "training-stopped",
    "training-slow",
    "model-data-lost",
    "model-data-truncated",
    "ping-failure",
    "wrong-predictions",
    "silent-rollback",
    "rollback-failed",
    "out-of-service",
    "endpoint-stuck",
    "endpoint-slow",
    "throttling",
    "connection-reset",
    "response-lost",
    "expired-credentials",
    "clock-skew",
    "s3-access-denied",
    "service-unavailable",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
CALLS: tuple[Kind, ...] = (
    "connection-reset",
    "response-lost",
    "throttling",
    "expired-credentials",
    "clock-skew",
    "s3-access-denied",
    "service-unavailable",
)
FOREVER = -1


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Define what goes wrong, for which name and operation, and how many times."""

    kind: Kind
    name: str = "*"
    operation: str = "*"
    count: int = 1
    seconds: float = 0.0
    message: str = ""
    id: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            known = ", ".join(KINDS)
            raise ValueError(f"unknown kind of fault {self.kind!r}; known: {known}")
        for key in ("name", "operation", "message", "id"):
            if not isinstance(value := getattr(self, key), str):
                raise ValueError(f"{key} of a fault: {value!r} is no text")
        if type(self.count) is not int or not (self.count > 0 or self.count == FOREVER):
            raise ValueError(
                f"count of a fault: {self.count!r}; 1 or more, or {FOREVER} for ever"
            )
        if not _is_duration(self.seconds):
            raise ValueError(f"seconds of a fault: {self.seconds!r}; 0 or more")

    @classmethod
    def from_json(cls, values: object) -> "Fault":
        """Read a fault as the HTTP interface takes it, or raise ValueError."""
        if not isinstance(values, Mapping):
            raise ValueError(f"a fault is an object with a kind, not {values!r}")
        keys = sorted(cls.__dataclass_fields__)
        for key in sorted(set(values) - set(keys)):
            near = get_close_matches(key, keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(keys)}"
            raise ValueError(f"unknown key of a fault: {key}; {hint}")
        if "kind" not in values:
            raise ValueError(f"a fault needs a kind, one of {', '.join(KINDS)}")
        return cls(**values)

    def concerns(self, name: str, operation: str) -> bool:
        """Check whether this fault is meant for a name and an operation."""
        pattern = f"*{self.name}*" if self.kind in CALLS else self.name
        return fnmatchcase(name, pattern) and fnmatchcase(operation, self.operation)


def _is_duration(seconds: object) -> bool:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return False
    return 0 <= seconds <= threading.TIMEOUT_MAX


class Faults:
    """Keep the injected faults, and count down those that happen."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.left: dict[str, tuple[Fault, int]] = {}
        self.holding: list[str] = []

    def add(self, fault: Fault) -> None:
        """Inject a fault."""
        with self.changed:
            self.left[fault.id] = (fault, fault.count)

    def remove(self, id: str | None = None) -> bool:
        """Clear one fault, or all, and return whether the one was there."""
        with self.changed:
            known = id is None or id in self.left
            for each in [id] if id else list(self.left):
                self.left.pop(each, None)
            self.changed.notify_all()
        return known

    def take(self, kind: Kind, name: str, operation: str = "*") -> Fault | None:
        """Return the first fault that is due, and count it down."""
        with self.changed:
            for fault, left in self.left.values():
                if fault.kind == kind and left and fault.concerns(name, operation):
                    self.left[fault.id] = (fault, max(left - 1, FOREVER))
                    return fault
        return None

    def wait_until_cleared(self, fault: Fault, seconds: float) -> None:
        """Wait until a fault is cleared, for at most so many seconds."""
        with self.changed:
            self.holding.append(fault.id)
            self.changed.wait_for(lambda: fault.id not in self.left, seconds)
            self.holding.remove(fault.id)

    def describe(self) -> list[dict[str, Any]]:
        """List the faults that can still happen or that hold an endpoint up."""
        with self.changed:
            return [
                asdict(fault) | {"left": left}
                for fault, left in self.left.values()
                if left or fault.id in self.holding
            ]


faults = Faults()
