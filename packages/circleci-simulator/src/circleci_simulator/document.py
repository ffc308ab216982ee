"""A CircleCI config as data, and what is found wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml


class _UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Refuse a key that stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        if len(keys) > len(set(keys)):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.YAMLError(f"{twice!r} stands twice")
        return super().construct_mapping(node, deep=deep)


@dataclass(frozen=True)
class Config:
    """The top-level keys of a config, each present and of the right kind."""

    data: dict[str, Any]
    problems: list[str] = field(default_factory=list)

    def section(self, key: str) -> dict[str, Any]:
        """Give a top-level mapping, empty where there is none."""
        found = self.data.get(key)
        return found if isinstance(found, dict) else {}

    def report(self, place: str, problem: str) -> None:
        """Note a problem once."""
        if (text := f"{place}: {problem}") not in self.problems:
            self.problems.append(text)


def load(text: str) -> Config:
    """Read a config's YAML."""
    try:
        data = yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        return Config({}, [f"YAML: {error}"])
    return Config(data) if isinstance(data, dict) else Config({}, ["YAML: no keys"])


def only_item(entry: Any) -> tuple[str, Any]:
    """Read a step or a job of a workflow: a name, or one name with its details."""
    if isinstance(entry, dict) and len(entry) == 1:
        return next(iter(entry.items()))
    return str(entry), None


def texts(
    node: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Walk through every text below a node, with the keys that lead to it."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, (*path, str(key)))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from texts(value, (*path, str(index)))
    elif isinstance(node, str):
        yield path, node
