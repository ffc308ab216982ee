"""Whether each part of a config is a mapping, a list or text, where it has to be."""

from collections.abc import Iterator
from typing import Any

# A shape is a type; a mapping of keys to shapes, where `*` is every other key; a list
# of one shape, which its items have; or a tuple of such, of which one has to fit. What
# is not named here may be anything.
Shape = Any

NAME = (str, int, float)
PARAMETERS: Shape = {"*": {"type": str, "enum": list}}
# A step is a name, one name with its details, or a list of steps from an anchor.
STEPS: Shape = [(str, dict, list)]
INVOCATION: Shape = {
    "name": NAME,
    "type": str,
    "requires": (str, [(str, dict)]),
    "context": (str, [str]),
    "filters": (str, bool, dict),
    "override-with": str,
    "pre-steps": STEPS,
    "post-steps": STEPS,
    "matrix": {"parameters": {"*": (str, list)}, "exclude": [dict], "alias": NAME},
}
# A job of a workflow is a name, or one name with its details.
JOBS: Shape = [(str, {"*": INVOCATION})]
DEFINITIONS: Shape = {
    "executors": {"*": {"parameters": PARAMETERS}},
    "commands": {"*": {"parameters": PARAMETERS, "steps": STEPS}},
    "jobs": {
        "*": {
            "type": str,
            "parameters": PARAMETERS,
            "steps": STEPS,
            "executor": (str, dict),
            "validation": {"webhooks": [{"provider": str}]},
        }
    },
}
CONFIG: Shape = {
    **DEFINITIONS,
    "orbs": {"*": (str, {**DEFINITIONS, "orbs": {"*": str}})},
    "parameters": PARAMETERS,
    "job-groups": {"*": {"jobs": JOBS}},
    "workflows": {"version": NAME, "*": {"jobs": JOBS}},
}
WORDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}


def check_shape(node: Any, shape: Shape = CONFIG, place: str = "") -> Iterator[str]:
    """Report values that are not of the type that CircleCI reads there, or empty."""
    if node is None:
        return
    shapes = shape if isinstance(shape, tuple) else (shape,)
    kinds = [one if isinstance(one, type) else type(one) for one in shapes]
    fitting = [
        one
        for one, kind in zip(shapes, kinds, strict=True)
        if isinstance(node, kind) and not (kind is int and isinstance(node, bool))
    ]
    if not fitting:
        wanted = " or ".join(WORDS[kind] for kind in kinds if kind in WORDS)
        yield f"{place or 'config'}: must be {wanted}, not {node!r}"
    elif isinstance(fitting[0], dict):
        for key, value in node.items():
            inner = fitting[0].get(key, fitting[0].get("*", object))
            yield from check_shape(value, inner, f"{place}.{key}".lstrip("."))
    elif isinstance(fitting[0], list):
        for value in node:
            yield from check_shape(value, fitting[0][0], place)
