"""Parameters: their declarations, and the arguments given for them."""

import re
from collections.abc import Mapping
from typing import Any

from circleci_simulator.document import Config

NAME = re.compile(r"[a-z][a-z0-9_-]*")
TYPES = {
    "string", "boolean", "integer", "enum", "executor", "steps", "env_var_name",
}  # fmt: skip
KINDS = {"string": str, "boolean": bool, "integer": int, "steps": list}
MAX_NAME, MAX_VALUE, MAX_PARAMETERS = 128, 512, 100


def check_declarations(config: Config, place: str, declared: Any) -> None:
    """Check the parameters that something declares."""
    if not isinstance(declared, dict):
        return
    for name, one in declared.items():
        here = f"{place}.parameters.{name}"
        if not NAME.fullmatch(str(name)) or len(str(name)) > MAX_NAME:
            config.report(here, "bad parameter name")
        if not isinstance(one, dict) or one.get("type") not in TYPES:
            config.report(here, "unknown type")
            continue
        if one["type"] == "enum" and not one.get("enum"):
            config.report(here, "an enum without values")
        if "default" in one and not fits(one, one["default"]):
            config.report(here, f"default {one['default']!r} does not fit its type")


def check_pipeline_limits(config: Config) -> None:
    """Check what CircleCI allows of pipeline parameters."""
    declared = config.section("parameters")
    if len(declared) > MAX_PARAMETERS:
        config.report("parameters", f"more than {MAX_PARAMETERS}")
    for name, one in declared.items():
        if isinstance(one, dict) and len(str(one.get("default", ""))) > MAX_VALUE:
            config.report(f"parameters.{name}", f"longer than {MAX_VALUE} characters")


def check_arguments(
    config: Config, place: str, declared: Mapping[str, Any], given: Any
) -> None:
    """Check the arguments of a job, a command or an executor."""
    given = given if isinstance(given, dict) else {}
    for name, value in given.items():
        if name not in declared:
            config.report(place, f"unknown argument {name!r}")
        elif not fits(declared[name], value):
            config.report(place, f"argument {name!r}: {value!r} does not fit")
    for name, one in declared.items():
        if "default" not in one and name not in given:
            config.report(place, f"missing argument {name!r}")


def fits(declared: Mapping[str, Any], value: Any) -> bool:
    """Tell whether a value is one of a parameter's type; `<< >>` may be any."""
    if isinstance(value, str) and "<<" in value:
        return True
    if declared["type"] == "enum":
        return value in declared.get("enum", ())
    kind = KINDS.get(declared["type"], (str, dict))
    if kind is int and isinstance(value, bool):
        return False
    return isinstance(value, kind)
