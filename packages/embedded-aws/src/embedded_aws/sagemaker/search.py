"""Search: which resources have the properties that an expression asks for."""

import base64
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.core.utils import get_service_model
from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker.resources import Values

DEFAULT_PAGE_SIZE = 100
# What the two of these are called in an answer.
RESULTS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
# What every kind has: tags, and metrics by their names.
OF_ALL = {"Tags", "Metrics"}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda own, other: bool(own == other),
    "GreaterThan": lambda own, other: bool(own > other),
    "GreaterThanOrEqualTo": lambda own, other: bool(own >= other),
    "LessThan": lambda own, other: bool(own < other),
    "LessThanOrEqualTo": lambda own, other: bool(own <= other),
}
TEXTUAL: dict[str, Callable[[str, str], bool]] = {
    "Contains": lambda own, other: other in own,
    "In": lambda own, other: own in [each.strip() for each in other.split(",")],
}


def search(request: Values, documents: Sequence[Values]) -> Values:
    """Answer Search.

    Args:
        documents: the resources of the kind that is asked for, as Describe shows them,
            each with its Tags.
    """
    expression = request.get("SearchExpression", {})
    _check_properties(request["Resource"], [request.get("SortBy"), *_named(expression)])
    by = request.get("SortBy", "LastModifiedTime")
    found = [each for each in documents if matches(each, expression)]
    found.sort(
        key=lambda each: [_sortable(value) for value in properties(each, by)][:1],
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", DEFAULT_PAGE_SIZE)
    kind = request["Resource"]
    answer: Values = {
        "Results": [_result(kind, each) for each in found[start:end]],
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
    }
    if end < len(found):
        answer["NextToken"] = base64.b64encode(str(end).encode()).decode()
    return answer


def _named(expression: Values) -> Iterator[str]:
    """Yield the properties that an expression names."""
    for rule in expression.get("Filters", []):
        yield rule["Name"]
    for rule in expression.get("NestedFilters", []):
        yield rule["NestedPropertyName"]
    for inner in expression.get("SubExpressions", []):
        yield from _named(inner)


def _check_properties(kind: str, names: Iterable[str | None]) -> None:
    """Raise AWS's error, in our own words, for a property that a kind does not have."""
    record: Any = get_service_model("sagemaker").shape_for("SearchRecord")
    shape = record.members.get(RESULTS.get(kind, kind))
    known = {*(shape.members if shape else ())} | OF_ALL
    if kind == "Model":
        known |= {*shape.members["Model"].members}
    for name in names:
        if name and shape and name.partition(".")[0] not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValidationError(f"Unknown property of {kind}: {name[:100]}{hint}")


def _result(kind: str, document: Values) -> Values:
    # A model is shown as on the dashboard.
    shown = {"Model": document} if kind == "Model" else document
    return {RESULTS.get(kind, kind): shown}


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return max(0, int(base64.b64decode(token, validate=True)))
    except ValueError as error:
        raise ValidationError("Invalid pagination token") from error


def _sortable(value: Any) -> tuple[str, Any]:
    """Return what values of one property are sorted by, whatever types they have."""
    if isinstance(value, (int, float)):
        return "number", value
    return "text", value.isoformat() if isinstance(value, datetime) else str(value)


def matches(document: Values, expression: Values) -> bool:
    """Return whether a resource has what an expression asks for."""
    found = [
        *(_passes(document, each) for each in expression.get("Filters", [])),
        *(
            _passes_nested(document, each)
            for each in expression.get("NestedFilters", [])
        ),
        *(matches(document, each) for each in expression.get("SubExpressions", [])),
    ]
    if expression.get("Operator") == "Or":
        return any(found) or not found
    return all(found)


def _passes(document: Values, rule: Values) -> bool:
    """Check one filter; the property of a list is that of any of its items."""
    values = list(properties(document, rule["Name"]))
    operator, wanted = rule.get("Operator", "Equals"), rule.get("Value")
    if operator in ("Exists", "NotExists"):
        return bool(values) is (operator == "Exists")
    if wanted is None:
        raise ValidationError(f"Filter {rule['Name']}: {operator} needs a Value.")
    if operator == "NotEquals":
        return not any(_compares("Equals", value, wanted) for value in values)
    return any(_compares(operator, value, wanted) for value in values)


def _compares(operator: str, value: Any, wanted: str) -> bool:
    if operator in TEXTUAL:
        return TEXTUAL[operator](_text(value), wanted)
    try:
        own, other = _comparable(value, wanted)
        return COMPARISONS[operator](own, other)
    except ValueError as error:
        text = f"{wanted!r} cannot be compared with {_text(value)!r}"
        raise ValidationError(text) from error


def _comparable(value: Any, wanted: str) -> tuple[Any, Any]:
    """Return both in the type of the first, or raise ValueError."""
    if isinstance(value, bool):
        return _text(value), wanted.lower()
    if isinstance(value, (int, float)):
        return float(value), float(wanted)
    if isinstance(value, datetime):
        moment = datetime.fromisoformat(wanted)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return value.replace(tzinfo=UTC), aware
    return str(value), wanted


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _passes_nested(document: Values, rule: Values) -> bool:
    """Check filters of which one item of a list has to pass all."""
    prefix = f"{rule['NestedPropertyName']}."
    filters = [
        each | {"Name": each["Name"].removeprefix(prefix)} for each in rule["Filters"]
    ]
    items = properties(document, rule["NestedPropertyName"], whole=True)
    return any(all(_passes(item, each) for each in filters) for item in items)


def properties(document: Any, name: str, *, whole: bool = False) -> Iterator[Any]:
    """Yield the values of a property, for instance `HyperParameters.max_depth`.

    Args:
        whole: also structures.
    """
    if name.startswith("Metrics."):
        metrics = document.get("FinalMetricDataList") or []
        names = name.removeprefix("Metrics.")
        yield from (m["Value"] for m in metrics if m["MetricName"] == names)
    elif name.startswith("Tags."):
        key = name.removeprefix("Tags.")
        tags = document.get("Tags") or []
        yield from (tag["Value"] for tag in tags if tag["Key"] == key)
    else:
        yield from _found(document, name.split("."), whole=whole)


def _found(value: Any, names: Sequence[str], *, whole: bool) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _found(item, names, whole=whole)
    elif not names:
        if value is not None and (whole or not isinstance(value, Mapping)):
            yield value
    elif isinstance(value, Mapping):
        # A key of a map may have dots itself.
        for count in range(1, len(names) + 1):
            key = ".".join(names[:count])
            if key in value:
                yield from _found(value[key], names[count:], whole=whole)


def described(resources: Iterable[Any]) -> list[Values]:
    """Return resources of ours as a search sees them."""
    return [each.describe() | {"Tags": each.tags} for each in resources]


def recorded(kind: str, records: Iterable[Any]) -> list[Values]:
    """Return records of moto's as a search sees them.

    Args:
        kind: how the members for name and ARN begin, for instance `Trial`.
    """
    return [
        each.gen_response_object() | {f"{kind}Arn": each.arn, "Tags": each.tags}
        for each in records
    ]
