"""What IAM policies allow: statements, wildcards, variables and conditions.

The rules are those of IAM's user guide, "Policy evaluation logic" and "IAM JSON policy
elements: Condition operators". Nothing is guessed: an operator or an element that is
not known is an error.
"""

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
    "NotResource", "Condition",
}  # fmt: skip
# A wildcard, or a variable such as `${aws:username}`; `${*}` is a plain asterisk.
SPECIAL = re.compile(r"(\*|\?|\$\{[^}]*\})")
SETS = ("ForAllValues:", "ForAnyValue:")

# The values of a request by condition key; keys are compared in lower case.
Context = Mapping[str, Sequence[str]]


class PolicyError(Exception):
    """A policy that cannot be evaluated."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy document, and the name it is told by."""

    name: str
    statements: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, name: str, document: str | Mapping[str, Any]) -> "Policy":
        """Read a policy document, as JSON or as data.

        Raises:
            PolicyError: it is no policy, or has elements that are not known.
        """
        try:
            data = json.loads(document) if isinstance(document, str) else document
        except ValueError as error:
            raise PolicyError(f"{name}: not JSON, {error}") from error
        found = data.get("Statement") if isinstance(data, Mapping) else None
        statements = [found] if isinstance(found, Mapping) else found
        if not isinstance(statements, list) or not statements:
            raise PolicyError(f"{name}: has no Statement")
        for one in statements:
            if not isinstance(one, Mapping) or one.get("Effect") not in (
                "Allow",
                "Deny",
            ):
                raise PolicyError(f"{name}: a statement has no Effect Allow or Deny")
            if unknown := sorted(one.keys() - ELEMENTS):
                raise PolicyError(f"{name}: unknown element {unknown[0]!r}")
        return cls(name=name, statements=statements)


@dataclass(kw_only=True)
class Decision:
    """Whether a request is allowed, by which policies, and what was not known of it.

    Attributes:
        verdict: `allowed`, `explicitDeny` or `implicitDeny`.
        matched: the names of the policies whose statements decided it.
        missing: the condition keys that statements ask for and the request lacks.
    """

    verdict: str
    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def is_allowed(self) -> bool:
        """Return whether the request is allowed."""
        return self.verdict == "allowed"


def decide(
    policies: Iterable[Policy],
    action: str,
    resource: str = "*",
    context: Context | None = None,
) -> Decision:
    """Decide whether policies allow an action on a resource.

    Args:
        action: as `s3:GetObject`.
        resource: its ARN; `*` for an action that has none.
        context: by condition key the values of the request.

    Raises:
        PolicyError: a policy asks for something that is not known here.
    """
    values = {key.lower(): list(given) for key, given in (context or {}).items()}
    matched: dict[str, list[str]] = {"Allow": [], "Deny": []}
    missing: set[str] = set()
    for policy in policies:
        for statement in policy.statements:
            if _concerns(statement, action, resource, values) and _conditions_hold(
                statement, values, missing
            ):
                matched[statement["Effect"]].append(policy.name)
    if matched["Deny"]:
        verdict, names = "explicitDeny", matched["Deny"]
    elif matched["Allow"]:
        verdict, names = "allowed", matched["Allow"]
    else:
        verdict, names = "implicitDeny", []
    return Decision(verdict=verdict, matched=names, missing=sorted(missing))


def _concerns(
    statement: Mapping[str, Any],
    action: str,
    resource: str,
    values: Mapping[str, Sequence[str]],
) -> bool:
    """Return whether a statement is about an action and a resource."""
    lowered = {
        key: [str(one).lower() for one in as_list(statement[key])]
        for key in ("Action", "NotAction")
        if key in statement
    }
    if not _listed(lowered, "Action", action.lower(), values):
        return False
    # The trust policy of a role has no resource.
    has_resource = "Resource" in statement or "NotResource" in statement
    return not has_resource or _listed(statement, "Resource", resource, values)


def _listed(
    statement: Mapping[str, Any],
    element: str,
    value: str,
    values: Mapping[str, Sequence[str]],
) -> bool:
    """Return whether an element, or its `Not` form, lets a value pass."""
    negated = f"Not{element}" in statement
    patterns = as_list(statement.get(f"Not{element}" if negated else element))
    return negated != any(_like(str(one), value, values) for one in patterns)


def _conditions_hold(
    statement: Mapping[str, Any],
    values: Mapping[str, Sequence[str]],
    missing: set[str],
) -> bool:
    """Return whether all conditions of a statement hold, and note unknown keys."""
    results = []
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            given = values.get(key.lower())
            if given is None and not operator.startswith("Null"):
                missing.add(key)
            results.append(_condition_holds(operator, given, as_list(wanted), values))
    return all(results)


def _condition_holds(
    operator: str,
    given: Sequence[str] | None,
    wanted: Sequence[Any],
    values: Mapping[str, Sequence[str]],
) -> bool:
    """Return whether the values of one condition key satisfy one operator."""
    whole = next((one for one in SETS if operator.startswith(one)), "")
    name = operator.removeprefix(whole)
    if name == "Null":
        return any((given is None) == (_text(one) == "true") for one in wanted)
    is_optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    compare, negated = _operator(name)
    if given is None:
        return is_optional or negated or whole == "ForAllValues:"
    texts = [_text(one) for one in wanted]

    def passes(value: str) -> bool:
        return negated != any(compare(one, value, values) for one in texts)

    return (any if whole == "ForAnyValue:" else all)(passes(one) for one in given)


Comparison = Callable[[str, str, Mapping[str, Sequence[str]]], bool]


def _operator(name: str) -> tuple[Comparison, bool]:
    """Return how an operator compares, and whether it wants what does not match."""
    if name in COMPARISONS:
        return COMPARISONS[name], False
    positive = name.replace("Not", "", 1)
    if "Not" in name and positive in COMPARISONS:
        return COMPARISONS[positive], True
    raise PolicyError(f"Condition operator {name!r}: not known")


def _like(pattern: str, value: str, values: Mapping[str, Sequence[str]]) -> bool:
    """Match a pattern with `*`, `?` and variables; without a value nothing matches."""
    parts = []
    for part in SPECIAL.split(pattern):
        known = _variable(part, values)
        if known is None:
            return False
        parts.append(known)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _variable(part: str, values: Mapping[str, Sequence[str]]) -> str | None:
    """Return the regular expression of a part of a pattern; None if it has no value."""
    if part in ("*", "?"):
        return ".*" if part == "*" else "."
    if not part.startswith("${"):
        return re.escape(part)
    name, _, default = part[2:-1].partition(",")
    if name in ("*", "?", "$"):
        return re.escape(name)
    found = values.get(name.strip().lower())
    if found is None or len(found) != 1:
        return re.escape(default.strip(" '")) if default else None
    return re.escape(found[0])


def _filled(text: str, values: Mapping[str, Sequence[str]]) -> str | None:
    """Replace the variables of a text, in which `*` and `?` are plain characters."""
    parts = []
    for part in SPECIAL.split(text):
        known = part if part in ("*", "?") else _variable(part, values)
        if known is None:
            return None
        parts.append(re.sub(r"\\(.)", r"\1", known, flags=re.DOTALL))
    return "".join(parts)


def _equal(wanted: str, value: str, values: Mapping[str, Sequence[str]]) -> bool:
    return _filled(wanted, values) == value


def _equal_in_any_case(
    wanted: str, value: str, values: Mapping[str, Sequence[str]]
) -> bool:
    return (_filled(wanted, values) or "").lower() == value.lower()


def _arn_like(wanted: str, value: str, values: Mapping[str, Sequence[str]]) -> bool:
    """Match the six parts of an ARN, each by itself."""
    pairs = list(zip(wanted.split(":", 5), value.split(":", 5), strict=False))
    return len(pairs) == 6 and all(_like(*pair, values) for pair in pairs)


def _in_network(wanted: str, value: str, _: Mapping[str, Sequence[str]]) -> bool:
    try:
        network = ipaddress.ip_network(wanted, strict=False)
        return ipaddress.ip_address(value) in network
    except ValueError:
        return False


def _same_bytes(wanted: str, value: str, _: Mapping[str, Sequence[str]]) -> bool:
    return base64.b64decode(wanted) == base64.b64decode(value)


def _date(text: str) -> float:
    """Read a date as IAM does: ISO 8601, or seconds since 1970."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _ordered(
    read: Callable[[str], float], holds: Callable[[float, float], bool]
) -> Comparison:
    """Return how numbers or dates are compared; what is none of them never matches."""

    def compare(wanted: str, value: str, _: Mapping[str, Sequence[str]]) -> bool:
        try:
            return holds(read(value), read(wanted))
        except ValueError:
            return False

    return compare


def _orders() -> Iterator[tuple[str, Comparison]]:
    """Yield the operators that compare numbers and dates."""
    kinds: dict[str, Callable[[str], float]] = {"Numeric": float, "Date": _date}
    orders: dict[str, Callable[[float, float], bool]] = {
        "Equals": lambda value, wanted: value == wanted,
        "LessThan": lambda value, wanted: value < wanted,
        "LessThanEquals": lambda value, wanted: value <= wanted,
        "GreaterThan": lambda value, wanted: value > wanted,
        "GreaterThanEquals": lambda value, wanted: value >= wanted,
    }
    for kind, read in kinds.items():
        for order, holds in orders.items():
            yield f"{kind}{order}", _ordered(read, holds)


COMPARISONS: dict[str, Comparison] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_in_any_case,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": _equal_in_any_case,
    "BinaryEquals": _same_bytes,
    "IpAddress": _in_network,
    **dict(_orders()),
}


def as_list(value: Any) -> list[Any]:
    """Return what may be one value or a list of them as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Return a value of a policy as IAM compares it: booleans and numbers as text."""
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)
