"""A CircleCI config as data: its YAML, its orbs, and CircleCI's pipeline values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

DEFAULT_PATH = ".circleci/config.yml"
# The orb that a setup workflow continues with. Its two commands talk to CircleCI, so
# they have no steps here: the compiler and the simulator treat them as built in.
CONTINUATION_ORB = """
version: 2.1
executors:
  default: {docker: [{image: cimg/base:stable}]}
commands:
  continue:
    parameters:
      configuration_path: {type: string}
      parameters: {type: string, default: "{}"}
      circleci_domain: {type: string, default: circleci.com}
      files_changed: {type: string, default: /tmp/files-changed-list}
      parameter_for_files_changed: {type: string, default: ""}
      when: {type: enum, enum: [on_success, always, on_fail], default: on_success}
  finish:
    parameters:
      circleci_domain: {type: string, default: circleci.com}
jobs:
  continue:
    parameters:
      configuration_path: {type: string}
      parameters: {type: string, default: "{}"}
      circleci_domain: {type: string, default: circleci.com}
      checkout: {type: boolean, default: true}
      workspace_path: {type: string, default: ""}
      resource_class: {type: string, default: small}
      circleci_ip_ranges: {type: boolean, default: false}
      executor: {type: executor, default: default}
    executor: << parameters.executor >>
    resource_class: << parameters.resource_class >>
    circleci_ip_ranges: << parameters.circleci_ip_ranges >>
    steps:
      - when: {condition: << parameters.checkout >>, steps: [checkout]}
      - when:
          condition: << parameters.workspace_path >>
          steps:
            - attach_workspace: {at: << parameters.workspace_path >>}
      - continue:
          configuration_path: << parameters.configuration_path >>
          parameters: << parameters.parameters >>
          circleci_domain: << parameters.circleci_domain >>
"""

# The names are those of CircleCI's documentation, "Pipeline values". A value that a
# pipeline does not have is undefined in it.
PIPELINE_VALUES = frozenset(
    """
    pipeline.id pipeline.number pipeline.name pipeline.definition.id
    pipeline.integration_source pipeline.project.type pipeline.project.slug
    pipeline.git.tag pipeline.git.branch pipeline.git.branch.is_default
    pipeline.git.revision pipeline.git.base_revision pipeline.git.repo_url
    pipeline.git.repo_owner pipeline.git.repo_name pipeline.git.repo_id
    pipeline.git.commit.url pipeline.git.commit.subject pipeline.git.commit.body
    pipeline.git.commit.author_login pipeline.config.repository.name
    pipeline.config.repository.url pipeline.config.file_path pipeline.config.ref
    pipeline.config.sha pipeline.trigger.received_at pipeline.trigger.type
    pipeline.trigger.id pipeline.trigger.name pipeline.event.name
    pipeline.event.action pipeline.event.github.ref pipeline.event.github.after
    pipeline.event.github.head_commit.url pipeline.event.github.label.name
    pipeline.event.github.comment.body pipeline.event.github.sender.type
    pipeline.event.github.sender.avatar_url pipeline.event.github.sender.login
    pipeline.event.github.repository.name pipeline.event.github.repository.url
    pipeline.event.github.repository.owner.login pipeline.event.context.github.pr_url
    pipeline.schedule.id pipeline.deploy.component_name
    pipeline.deploy.environment_name pipeline.deploy.target_version
    pipeline.deploy.target_environment_name
    pipeline.deploy.current_version pipeline.deploy.namespace pipeline.deploy.reason
    pipeline.trigger_parameters.webhook.body
    """.split()  # noqa: SIM905, a page of names reads better unquoted
) | frozenset(
    f"pipeline.trigger_parameters.gitlab.{name}"
    for name in """
    type ref checkout_sha user_id user_name user_username user_avatar repo_name
    repo_url web_url commit_sha commit_title commit_message commit_timestamp
    commit_author_name commit_author_email branch default_branch x_gitlab_event_id
    is_fork_merge_request
    """.split()  # noqa: SIM905
)
# A pipeline that no pull request event triggered cannot be created where an expression
# evaluates one of these.
PULL_REQUEST_VALUES = frozenset(
    f"pipeline.event.github.pull_request.{name}"
    for name in """
    base.ref base.sha head.ref head.sha draft title number merged url
    """.split()  # noqa: SIM905
)
# Each deprecated value, and the one that replaces it.
DEPRECATED_VALUES = {
    "pipeline.trigger_source": "pipeline.trigger.type",
    "pipeline.schedule.name": "pipeline.trigger.name",
    "pipeline.project.git_url": "pipeline.git.repo_url",
} | {
    f"pipeline.trigger_parameters.{name}": f"pipeline.{replacement}"
    for name, replacement in {
        "circleci.trigger_type": "trigger.type",
        "circleci.event_time": "trigger.received_at",
        "circleci.event_type": "event.name",
        "github_app.ref": "event.github.ref",
        "github_app.checkout_sha": "git.revision",
        "github_app.user_id": "event.github.sender.login",
        "github_app.user_name": "event.github.sender.login",
        "github_app.user_username": "event.github.sender.login",
        "github_app.user_avatar": "event.github.sender.avatar_url",
        "github_app.repo_name": "event.github.repository.name",
        "github_app.repo_url": "event.github.repository.url",
        "github_app.web_url": "event.github.repository.url",
        "github_app.commit_sha": "event.github.after",
        "github_app.commit_title": "git.commit.subject",
        "github_app.commit_message": "git.commit.body",
        "github_app.commit_timestamp": "trigger.received_at",
        "github_app.commit_author_name": "git.commit.author_login",
        "github_app.branch": "event.github.ref",
    }.items()
}


class ConfigError(Exception):
    """A config that CircleCI would not accept, or a pipeline it would not create."""


@dataclass(frozen=True)
class Config:
    """A config's top-level keys, its text, and the sources of orbs it may declare."""

    data: dict[str, Any]
    text: str = ""
    orb_sources: Mapping[str, dict[str, Any] | None] = field(default_factory=dict)

    def section(self, key: str) -> dict[str, Any]:
        """Return a top-level mapping, empty where the config has none."""
        found = self.data.get(key)
        return found if isinstance(found, dict) else {}

    @property
    def workflows(self) -> dict[str, dict[str, Any]]:
        """Return the workflows; without any, CircleCI runs the job `build`."""
        if "workflows" not in self.data and "build" in self.section("jobs"):
            return {"workflow": {"jobs": ["build"]}}
        found = self.section("workflows")
        return {str(k): v for k, v in found.items() if isinstance(v, dict)}

    def orb(self, alias: str) -> "Config | None":
        """Return the orb declared under an alias; None if its source is not known."""
        declared = self.section("orbs").get(alias)
        if not isinstance(declared, dict):
            declared = self.orb_sources.get(matching(str(declared), self.orb_sources))
        return None if declared is None else Config(declared, "", self.orb_sources)

    def is_unseen(self, name: str) -> bool:
        """Tell whether a name is of a declared orb whose source is not known."""
        alias = name.rpartition("/")[0]
        return alias in self.section("orbs") and self.orb(alias) is None

    def find(self, kind: str, name: Any) -> "tuple[dict[str, Any], Config] | None":
        """Find a definition, and the config or orb that its own names are of.

        kind: `commands`, `jobs` or `executors`
        name: as the config writes it, `orb/name` for what an orb defines
        """
        alias, _, short = str(name).rpartition("/")
        owner = self.orb(alias) if alias else self
        found = owner.section(kind).get(short) if owner else None
        return (found, owner) if owner and isinstance(found, dict) else None


def matching(reference: str, known: Mapping[str, Any]) -> str:
    """Complete an orb's version: `name@2` is the newest known `name@2.x.y`."""
    later = [name for name in known if name.startswith(f"{reference}.")]
    return reference if reference in known or not later else max(later)


class _UniqueKeys(yaml.CSafeLoader):
    """A YAML loader that refuses a key that stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise yaml.YAMLError(f"line {line}: {key.value!r} stands twice")
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def load(config: str | Config, orbs: Mapping[str, str | None] | None = None) -> Config:
    """Read a config; one that is read already is returned as it is.

    config: the text of a config file
    orbs: the source of each orb, by its reference such as `circleci/node@7.1.0`, as
        `circleci orb source` prints it; None accepts whatever the config uses of the
        orb. The continuation orb is known.

    ConfigError: it is no YAML, or has no keys.
    """
    if isinstance(config, Config):
        return config
    continuation = _read(CONTINUATION_ORB)
    sources: dict[str, dict[str, Any] | None] = {
        f"circleci/continuation@{version}": continuation
        for version in ("2.0.0", "2.0.1")
    }
    for reference, source in (orbs or {}).items():
        sources[reference] = None if source is None else _read(source)
    return Config(_read(config), config, sources)


def _read(text: str) -> dict[str, Any]:
    try:
        data = yaml.load(text, Loader=_UniqueKeys)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"YAML: line {line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError("YAML: no keys")
    return data


def name_and_details(entry: Any) -> tuple[str, Any]:
    """Read a step, or a job of a workflow: a name, or one name with its details."""
    if isinstance(entry, dict) and len(entry) == 1:
        name, details = next(iter(entry.items()))
        return str(name), details
    return str(entry), None


def flattened(steps: Any) -> Iterator[Any]:
    """Yield the steps of a list, in which an anchor may stand for a list of them."""
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, list):
            yield from flattened(step)
        else:
            yield step


def texts(
    node: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text below a node, with the keys that lead to it."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, (*path, str(key)))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from texts(value, (*path, str(index)))
    elif isinstance(node, str):
        yield path, node


def fits(declared: Mapping[str, Any], value: Any) -> bool:
    """Tell whether a value is of a parameter's type; one with `<< >>` may be."""
    if isinstance(value, str) and "<<" in value:
        return True
    kind = declared.get("type")
    if kind == "enum":
        return value in (declared.get("enum") or ())
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "executor":
        return isinstance(value, str | dict)
    return isinstance(value, {"boolean": bool, "steps": list}.get(str(kind), str))
