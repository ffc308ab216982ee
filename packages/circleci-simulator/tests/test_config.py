"""A config is read as CircleCI reads it, with the orbs that it declares."""

import pytest
from circleci_simulator import Config, ConfigError, load

INLINE = """\
version: 2.1
orbs:
  outer:
    orbs: {inner: acme/inner@1.0.0}
    commands: {say: {steps: [{run: echo outer}]}}
commands: {say: {steps: [{run: echo config}]}}
"""
INNER = "commands: {say: {steps: [{run: echo inner}]}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 2.1\njobs: ]", "YAML: line 2: "),
        ("version: 2.1\nversion: 2.1", "YAML: line 2: 'version' stands twice"),
        ("- a list", "YAML: no keys"),
        ("", "YAML: no keys"),
    ],
)
def test_what_is_no_config_is_refused(text: str, told: str) -> None:
    """The line is told on which YAML breaks."""
    with pytest.raises(ConfigError) as refused:
        load(text)
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


def test_a_config_is_read_once() -> None:
    """What is read already is taken as it is."""
    config = load(INLINE)
    assert load(config) is config


@pytest.mark.parametrize(
    ("name", "said"),
    [("say", "echo config"), ("outer/say", "echo outer"), ("none/say", None)],
)
def test_a_name_is_found_in_the_config_or_in_its_orb(
    name: str, said: str | None
) -> None:
    """An orb's names begin with its alias."""
    found = load(INLINE).find("commands", name)
    assert (found and found[0]["steps"][0]["run"]) == said


def test_an_orb_finds_its_own_names() -> None:
    """What an orb defines is looked up in the orb, and in the orbs it declares."""
    config = load(INLINE, {"acme/inner@1.0.0": INNER})
    found = config.find("commands", "outer/say")
    assert found is not None
    owner = found[1]
    assert owner.find("commands", "say") == (found[0], owner)
    inner = owner.find("commands", "inner/say")
    assert inner is not None and inner[0]["steps"] == [{"run": "echo inner"}]


def test_an_orb_without_a_source_is_unseen() -> None:
    """Nothing can be said about what it defines."""
    config = load("version: 2.1\norbs: {node: circleci/node@7.1.0}")
    assert config.is_unseen("node/install")
    assert not config.is_unseen("npm/install")
    assert config.find("commands", "node/install") is None


def test_a_config_without_workflows_runs_build() -> None:
    """CircleCI runs the job of this name."""
    assert load("jobs: {build: {steps: [checkout]}}").workflows == {
        "workflow": {"jobs": ["build"]}
    }
    assert Config({}).workflows == {}
