"""Executors, commands, jobs and orbs: their keys, their steps, and what these name."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from circleci_simulator.checks.arguments import (
    NAME,
    Declared,
    check_arguments,
    check_declarations,
    check_expression,
    check_interpolations,
    unknown_keys,
)
from circleci_simulator.config import (
    Config,
    flattened,
    matching,
    name_and_details,
)

JOB_NAME = re.compile(r"[A-Za-z][A-Za-z\s\d_-]*")
JOB_TYPES = {"build", "approval", "no-op", "release", "lock", "unlock"}
MACHINES = {"docker", "machine", "macos"}
EXECUTOR_KEYS = MACHINES | {
    "description", "environment", "parameters", "resource_class", "shell",
    "working_directory",
}  # fmt: skip
JOB_KEYS = EXECUTOR_KEYS | {
    "branches", "circleci_ip_ranges", "executor", "parallelism", "retention", "steps",
    "type",
}  # fmt: skip
COMMAND_KEYS = {"description", "parameters", "steps"}
RELEASE_KEYS = {"description", "parameters", "plan_name", "type", "validation"}
VALIDATION_KEYS = {
    "enabled", "evaluation_time", "auto_rollback_on_failure", "webhooks"
}  # fmt: skip
WEBHOOK_KEYS = {"name", "provider", "data_points", "fail_when", "max_failures"}
PROVIDERS = {"datadog", "prometheus", "grafana", "alertmanager", "custom"}

RUN_KEYS = {
    "auto_rerun_delay", "background", "command", "environment", "max_auto_reruns",
    "name", "no_output_timeout", "path", "pwd", "shell", "teardown", "when",
    "working_directory",
}  # fmt: skip
# Each built-in step: the keys it needs, and those it may have.
STEPS: dict[str, tuple[set[str], set[str]]] = {
    "run": ({"command"}, RUN_KEYS),
    "deploy": ({"command"}, RUN_KEYS),
    "checkout": (set(), {"depth", "method", "name", "path", "when"}),
    "save_cache": ({"key", "paths"}, {"key", "name", "paths", "when"}),
    "restore_cache": (set(), {"key", "keys", "name", "when"}),
    "store_artifacts": ({"path"}, {"destination", "name", "path", "when"}),
    "store_test_results": ({"path"}, {"name", "path", "when"}),
    "persist_to_workspace": ({"root"}, {"name", "path", "paths", "root", "when"}),
    "attach_workspace": ({"at"}, {"at", "name", "when"}),
    "setup_remote_docker": (
        set(),
        {"docker_layer_caching", "name", "prefer_same_region", "resource_class",
         "version", "when"},
    ),
    "add_ssh_keys": (set(), {"fingerprints", "name", "when"}),
    "install_signing_bundle": (set(), {"name", "when"}),
    "with_tool_cache": ({"tool", "steps"}, {"tool", "steps"}),
}  # fmt: skip
MOMENTS = {"always", "on_success", "on_fail"}
MAX_CACHE_KEY, MAX_NESTING, MAX_RERUNS = 900, 100, 5


def check_definitions(config: Config) -> Iterator[str]:
    """Report what is wrong with everything that workflows are made of."""
    yield from _check_orbs(config)
    for kind, name_form, keys in (
        ("executors", NAME, EXECUTOR_KEYS),
        ("commands", NAME, COMMAND_KEYS),
        ("jobs", JOB_NAME, None),
    ):
        for name, one in config.section(kind).items():
            place = f"{kind}.{name}"
            if not name_form.fullmatch(str(name)):
                yield f"{place}: bad name"
            if isinstance(one, dict):
                if keys:
                    yield from unknown_keys(place, one, keys)
                yield from _check_definition(config, place, one)
    for name, one in config.section("jobs").items():
        yield from _check_job(config, f"jobs.{name}", one)
    for name in config.section("commands"):
        if "steps" not in (config.section("commands")[name] or {}):
            yield f"commands.{name}: no steps"
    times = Counter(str(name).lower() for name in config.section("jobs"))
    for short, count in times.items():
        if count > 1:
            yield f"jobs: {count} jobs are called {short!r}, whatever their case"


def _check_orbs(config: Config) -> Iterator[str]:
    """Report orbs that do not exist, as far as they are known, and inline orbs."""
    for alias, reference in config.section("orbs").items():
        place = f"orbs.{alias}"
        if isinstance(reference, dict):
            inline = config.orb(alias)
            for problem in check_definitions(inline) if inline else ():
                yield f"{place}.{problem}"
            continue
        text = str(reference)
        orb, _, version = text.partition("@")
        if "<<" in text or matching(text, config.orb_sources) in config.orb_sources:
            continue
        if not version and "://" not in text:
            yield f"{place}: {text!r} has no version"
        elif any(known.startswith(f"{orb}@") for known in config.orb_sources):
            yield f"{place}: unknown version {version!r} of {orb}"
        else:
            yield f"{place}: unknown orb {orb!r}; give its source to check its use"


def _check_definition(config: Config, place: str, one: dict[str, Any]) -> Iterator[str]:
    declared = one.get("parameters") or {}
    yield from check_declarations(place, declared)
    body = {key: value for key, value in one.items() if key != "parameters"}
    yield from check_interpolations(config, place, body, declared)
    yield from check_steps(config, place, one.get("steps"), declared)


def _check_job(config: Config, place: str, job: Any) -> Iterator[str]:
    """Report what is wrong with a job for its type."""
    if not isinstance(job, dict):
        yield f"{place}: no steps"
        return
    kind = job.get("type", "build")
    if kind not in JOB_TYPES:
        yield f"{place}: unknown job type {kind!r}"
    if kind == "release":
        yield from _check_release(place, job)
    if kind in ("lock", "unlock") and "key" not in job:
        yield f"{place}: a {kind} job needs a key"
    if kind == "build":
        yield from unknown_keys(place, job, JOB_KEYS)
        if not job.keys() & (MACHINES | {"executor"}):
            yield f"{place}: no executor"
        if len(job.keys() & MACHINES) > 1:
            yield f"{place}: more than one executor"
        if not job.get("steps"):
            yield f"{place}: no steps"
        yield from _check_executor(config, place, job.get("executor"))


def _check_release(place: str, job: dict[str, Any]) -> Iterator[str]:
    """Report what is wrong with a release job and its validation."""
    yield from unknown_keys(place, job, RELEASE_KEYS)
    if not isinstance(job.get("plan_name"), str):
        yield f"{place}: a release job needs a plan_name"
    validation = job.get("validation")
    if validation is None:
        return
    place = f"{place}.validation"
    if not isinstance(validation, dict) or not isinstance(
        validation.get("enabled"), bool | str
    ):
        yield f"{place}: needs enabled: true or false"
        return
    yield from unknown_keys(place, validation, VALIDATION_KEYS)
    for webhook in filter(None, validation.get("webhooks") or ()):
        yield from unknown_keys(f"{place}.webhooks", webhook, WEBHOOK_KEYS)
        for key in {"name", "provider"} - webhook.keys():
            yield f"{place}.webhooks: a webhook needs a {key}"
        provider = webhook.get("provider", "custom")
        if provider not in PROVIDERS and "<<" not in str(provider):
            yield f"{place}.webhooks: unknown provider {provider!r}"


def _check_executor(config: Config, place: str, executor: Any) -> Iterator[str]:
    details = executor if isinstance(executor, dict) else {"name": executor}
    name = details.get("name")
    if name is None or "<<" in str(name) or config.is_unseen(str(name)):
        return
    found = config.find("executors", name)
    if found is None:
        yield f"{place}: undefined executor {name!r}"
        return
    given = {key: value for key, value in details.items() if key != "name"}
    yield from check_arguments(place, found[0].get("parameters"), given)


def check_steps(
    config: Config, place: str, steps: Any, declared: Declared, depth: int = 0
) -> Iterator[str]:
    """Report what is wrong with steps: built-in ones, and commands."""
    if depth > MAX_NESTING:
        yield f"{place}: nested more than {MAX_NESTING} deep"
        return
    for step in flattened(steps):
        if isinstance(step, dict) and len(step) != 1:
            yield f"{place}: a step has one key, not {', '.join(map(str, step))}"
            continue
        name, details = name_and_details(step)
        command = config.find("commands", name)
        if name in ("when", "unless"):
            details = details if isinstance(details, dict) else {}
            yield from unknown_keys(f"{place}: {name}", details, {"condition", "steps"})
            yield from _check_condition(config, place, details, declared)
            inner = details.get("steps")
            yield from check_steps(config, place, inner, declared, depth + 1)
        elif command:
            here = f"{place}: {name}"
            yield from check_arguments(here, command[0].get("parameters"), details)
        elif name in STEPS:
            yield from _check_built_in(place, name, details)
        elif "/" in name and not config.is_unseen(name):
            yield f"{place}: undefined {name!r} in the declared orbs"
        elif "/" not in name and name != "steps":
            yield f"{place}: undefined command {name!r}"


def _check_condition(
    config: Config, place: str, details: dict[str, Any], declared: Declared
) -> Iterator[str]:
    """Report a step's condition that is an expression instead of a logic statement."""
    condition = details.get("condition")
    if "condition" not in details:
        yield f"{place}: a conditional step needs a condition"
    elif isinstance(condition, str) and "<<" not in condition:
        yield f"{place}: a step's `when` takes no expression, only << >> or logic"
        yield from check_expression(config, place, condition, declared)


def _check_built_in(place: str, name: str, details: Any) -> Iterator[str]:
    """Report unknown, missing and wrong keys of a step that CircleCI knows."""
    here = f"{place}: {name}"
    needed, known = STEPS[name]
    if not isinstance(details, dict):
        if needed and not (details and name in ("run", "deploy")):
            yield f"{here}: needs {', '.join(sorted(needed))}"
        return
    yield from unknown_keys(here, details, known)
    for key in sorted(needed - details.keys()):
        yield f"{here}: needs {key}"
    if name == "restore_cache" and not details.keys() & {"key", "keys"}:
        yield f"{here}: needs key or keys"
    if name == "persist_to_workspace" and not details.keys() & {"path", "paths"}:
        yield f"{here}: needs paths"
    when = details.get("when", "always")
    if when not in MOMENTS and "<<" not in str(when):
        yield f"{here}: when must be one of {', '.join(sorted(MOMENTS))}"
    if "auto_rerun_delay" in details and "max_auto_reruns" not in details:
        yield f"{here}: auto_rerun_delay needs max_auto_reruns"
    yield from check_reruns(here, details)
    keys = details.get("keys")
    for key in (details.get("key", ""), *(keys if isinstance(keys, list) else ())):
        if len(str(key)) > MAX_CACHE_KEY:
            yield f"{here}: cache key longer than {MAX_CACHE_KEY} characters"


def check_reruns(place: str, details: dict[str, Any]) -> Iterator[str]:
    """Report a number of automatic reruns that CircleCI does not allow."""
    reruns = details.get("max_auto_reruns", 1)
    if "<<" not in str(reruns) and reruns not in range(1, MAX_RERUNS + 1):
        yield f"{place}: max_auto_reruns must be 1 to {MAX_RERUNS}"
