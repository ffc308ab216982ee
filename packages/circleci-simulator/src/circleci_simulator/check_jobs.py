"""Commands, jobs and executors: their steps, and what these refer to."""

from typing import Any

from circleci_simulator.check_parameters import (
    NAME,
    check_arguments,
    check_declarations,
)
from circleci_simulator.check_text import (
    Declared,
    check_expression,
    check_interpolations,
)
from circleci_simulator.document import Config, only_item
from circleci_simulator.values import JOB_TYPES, ORBS, STEPS

MACHINES = {"docker", "machine", "macos", "executor"}
MAX_CACHE_KEY = 900
MAX_NESTING = 100


def check_definitions(config: Config) -> None:
    """Check everything that workflows are made of."""
    for kind in ("executors", "commands", "jobs"):
        for name, one in config.section(kind).items():
            place = f"{kind}.{name}"
            if not NAME.fullmatch(str(name)):
                config.report(place, "bad name")
            if isinstance(one, dict):
                _check_definition(config, place, kind, one)


def _check_definition(
    config: Config, place: str, kind: str, one: dict[str, Any]
) -> None:
    declared = one.get("parameters") or {}
    check_declarations(config, place, declared)
    body = {key: value for key, value in one.items() if key != "parameters"}
    check_interpolations(config, place, body, declared)
    check_steps(config, place, one.get("steps", ()), declared)
    if kind == "jobs":
        _check_job(config, place, one)


def _check_job(config: Config, place: str, job: dict[str, Any]) -> None:
    kind = job.get("type", "build")
    if kind not in JOB_TYPES:
        config.report(place, f"unknown job type {kind!r}")
    if kind != "build":
        return
    if not MACHINES & job.keys():
        config.report(place, "no executor")
    if not job.get("steps"):
        config.report(place, "no steps")
    executor = job.get("executor")
    details = executor if isinstance(executor, dict) else {"name": executor}
    name = details.get("name")
    if name is None or "<<" in name or "/" in name:
        return
    known = config.section("executors").get(name)
    if known is None:
        config.report(place, f"undefined executor {name!r}")
        return
    given = {key: value for key, value in details.items() if key != "name"}
    check_arguments(config, place, known.get("parameters") or {}, given)


def check_steps(
    config: Config, place: str, steps: Any, declared: Declared, depth: int = 0
) -> None:
    """Check a list of steps: built in, commands of the config, or of an orb."""
    if depth > MAX_NESTING:
        config.report(place, f"nested more than {MAX_NESTING} deep")
        return
    for step in steps if isinstance(steps, list | tuple) else ():
        name, details = only_item(step)
        if name in ("when", "unless") and isinstance(details, dict):
            _check_condition(config, place, details.get("condition"), declared)
            check_steps(config, place, details.get("steps"), declared, depth + 1)
        elif "/" in name:
            _check_orb(config, place, name, details, "commands")
        elif name in config.section("commands"):
            known = config.section("commands")[name].get("parameters") or {}
            check_arguments(config, f"{place}: {name}", known, details)
        elif name not in STEPS and "<<" not in name:
            config.report(place, f"undefined command {name!r}")
        elif name.endswith("_cache") and isinstance(details, dict):
            _check_cache(config, place, details)


def _check_condition(
    config: Config, place: str, condition: Any, declared: Declared
) -> None:
    """A step's condition is a logic statement, not an expression."""
    if isinstance(condition, str) and "<<" not in condition:
        config.report(place, "a step's `when` takes no expression, only << >> or logic")
        check_expression(config, place, condition, declared)


def _check_cache(config: Config, place: str, details: dict[str, Any]) -> None:
    for key in (details.get("key"), *details.get("keys", ())):
        if key and len(key) > MAX_CACHE_KEY:
            config.report(place, f"cache key longer than {MAX_CACHE_KEY} characters")


def check_orbs(config: Config) -> None:
    """Check that each orb exists in the version that is asked for."""
    for name, reference in config.section("orbs").items():
        orb, _, version = str(reference).partition("@")
        if orb not in ORBS:
            config.report(f"orbs.{name}", f"unknown orb {orb!r}")
        elif version not in ORBS[orb]["versions"]:
            config.report(f"orbs.{name}", f"unknown version {version!r} of {orb}")


def _check_orb(config: Config, place: str, name: str, details: Any, kind: str) -> None:
    found = find_in_orb(config, name, kind)
    if found is None:
        config.report(place, f"undefined {name!r} in the declared orbs")
    else:
        check_arguments(config, f"{place}: {name}", found, details)


def find_in_orb(config: Config, name: str, kind: str) -> dict[str, Any] | None:
    """Find the parameters of an orb's command or job."""
    alias, _, item = name.partition("/")
    orb = str(config.section("orbs").get(alias, "")).partition("@")[0]
    return ORBS.get(orb, {}).get(kind, {}).get(item)
