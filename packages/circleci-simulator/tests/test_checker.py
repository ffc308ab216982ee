"""The checker sees in a config what CircleCI's JSON schema lets pass."""

import pytest
from circleci_simulator import check, check_pair
from examples import PIPELINE, SETUP

MISTAKES = {
    "undefined job": ("- deploy:\n", "- deplyo:\n", "undefined job 'deplyo'"),
    "requires typo": ("requires: [review]", "requires: [reviwe]", "'reviwe'"),
    "undeclared pipeline parameter": (
        "or pipeline.parameters.force",
        "or pipeline.parameters.forec",
        "undeclared pipeline parameter 'forec'",
    ),
    "undefined command": ("steps: [install]\n  gate", "steps: [instal]\n  gate", "com"),
    "undefined executor": ("executor: python\n", "executor: pyton\n", "'pyton'"),
    "unknown argument of an executor": ("tag: \"3.11\"", "tga: x", "argument 'tga'"),
    "missing argument of a job": ("          model: a\n", "", "missing argument 'mod"),
    "unknown argument of a job": ("model: a\n", "model: a\n          x: y\n", "'x'"),
    "enum default": ("default: ci", "default: cd", "does not fit its type"),
    "boolean default": ("default: false", "default: 'no'", "does not fit its type"),
    "expression syntax": ('== "ci" or', '== "ci" ||', "is not an expression"),
    "single quotes": ('action == "ci" or', "action == 'ci' or", "not an expression"),
    "<< >> in an expression": (
        'pipeline.parameters.action == "ci"',
        '<< pipeline.parameters.action >> == "ci"',
        "mixes << >>",
    ),
    "unknown value": ("filters: pipeline.git.branch", "filters: git.branch", "unknown"),
    "deprecated value": (
        "filters: pipeline.git.branch",
        "filters: pipeline.trigger_source",
        "deprecated",
    ),
    "deprecated filters": (
        "filters: pipeline.git.branch matches /main|release-.*/",
        "filters: {branches: {only: main}}",
        "deprecated",
    ),
    "invented path filter": (
        "filters: pipeline.git.branch matches /main|release-.*/",
        "filters: {paths: [models]}",
        "unknown filter 'paths'",
    ),
    "serial group": (">>/deploy", ">>/deploy a:b", "bad characters in serial-group"),
    "cycle": ("model: a\n", "model: a\n          requires: [deploy]\n", "each other"),
    "approval clash": (
        "jobs:\n      - train",
        "jobs:\n      - review: {type: approval, name: x}\n"
        "      - review: {type: approval, name: x}\n      - train",
        "two jobs are called 'x'",
    ),
    "approval that guards nothing": (
        "requires: [review]",
        "requires: [train-a]",
        "nothing waits for this approval",
    ),
    "misspelt job type": ("type: approval", "type: aproval", "job type 'aproval'"),
    "misspelt type of a definition": ("type: no-op", "type: noop", "job type 'noop'"),
    "unknown workflow key": ("max_auto_reruns", "max_auto_rerun", "unknown key"),
    "unknown top-level key": ("executors:", "executers:", "unknown top-level key"),
    "unknown orb": ("circleci/continuation@", "circleci/continuate@", "unknown orb"),
    "unknown orb version": ("@2.0.1", "@9.9.9", "unknown version '9.9.9'"),
    "undeclared orb": (
        "steps: [install]\n  gate",
        "steps: [path-filtering/filter]\n  gate",
        "in the declared orbs",
    ),
    "bad parameter name": ("  force: {", "  Force!: {", "bad parameter name"),
    "unknown parameter type": ("type: boolean", "type: bool", "unknown type"),
    "unclosed interpolation": (
        "{MODEL_NAME: << parameters.model >>}",
        "{MODEL_NAME: << parameters.model}",
        "without its >>",
    ),
    "undeclared parameter": (
        "EXTRA: << parameters.extra >>",
        "EXTRA: << parameters.extras >>",
        "undeclared parameter 'extras'",
    ),
    "free text in a command": (
        'run "$MODEL_NAME"',
        "run << parameters.model >>",
        "free text 'parameters.model' in a command",
    ),
    "branch name in a command": (
        "echo << pipeline.number >>",
        "echo << pipeline.git.branch >>",
        "free text 'pipeline.git.branch' in a command",
    ),
    "expression as a step's condition": (
        "condition: << pipeline.parameters.force >>",
        "condition: pipeline.parameters.force",
        "takes no expression",
    ),
    "all that a job waits for is filtered": (
        "context: [trainers]",
        "filters: pipeline.git.branch == \"main\"",
        "hangs on 'feature'",
    ),
    "a key twice": ("version: 2.1", "version: 2.1\nversion: 2.1", "stands twice"),
    "unknown status": ("[success, failed]", "[success, faild]", "status 'faild'"),
    "version": ("version: 2.1", "version: 2", "must be 2.1"),
    "continues outside of setup": (
        "steps: [install]\n  gate",
        "steps: [{continuation/continue: {configuration_path: x}}]\n  gate",
        "is no setup config",
    ),
    "argument of an orb": (
        "steps: [install]\n  gate",
        "steps: [{continuation/continue: {config_path: x}}]\n  gate",
        "unknown argument 'config_path'",
    ),
}  # fmt: skip


def test_good_configs_pass() -> None:
    """Nothing is found in configs without a mistake."""
    assert check(PIPELINE) == []
    assert check(SETUP) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_found(mistake: str) -> None:
    """One mistake seeded into a good config is told."""
    old, new, told = MISTAKES[mistake]
    assert old in PIPELINE
    problems = check(PIPELINE.replace(old, new, 1))
    assert any(told in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "[select]",
            "[select]\n  other:\n    jobs: [select]",
            "more than one workflow",
        ),
        ("[select]", "[select, {select: {name: again}}]", "continues 2 times"),
        ("{configuration_path: x.yml}", "{confguration_path: x.yml}", "'confguration"),
        (
            "[select]",
            '[{select: {filters: pipeline.git.branch == "main"}}]',
            "continues 0 times",
        ),
        (
            "{configuration_path: x.yml}",
            '{configuration_path: x.yml, parameters: \'{"action": "ci"}\'}',
            "passes 'action', which setup declares",
        ),
    ],
)
def test_mistake_of_a_setup_config_is_found(old: str, new: str, told: str) -> None:
    """One workflow, one continuation, no parameter passed twice."""
    problems = check(SETUP.replace(old, new, 1))
    assert any(told in problem for problem in problems), problems


def test_approvals_differ_between_workflows() -> None:
    """Two workflows must not ask for an approval of the same name."""
    second = PIPELINE[PIPELINE.index("  main:\n") :].replace("  main:", "  other:")
    assert "workflows: approval 'review' stands 2 times" in check(PIPELINE + second)


def test_a_pair_declares_the_same_parameters() -> None:
    """What setup declares the continuation declares, with the same type."""
    assert check_pair(SETUP, PIPELINE) == []
    absent = PIPELINE.replace("  action:", "  deed:").replace(".action", ".deed")
    assert any("undeclared" in one for one in check_pair(SETUP, absent))
    other = PIPELINE.replace("enum, enum: [ci, retrain]", "string")
    assert any("another type" in one for one in check_pair(SETUP, other))


def test_limits_are_kept() -> None:
    """Long values, many contexts, long keys and large configs are told."""
    long = PIPELINE.replace("default: ci}", f"default: {'x' * 513}}}")
    assert any("longer than 512" in one for one in check(long))
    contexts = ", ".join(f"c{number}" for number in range(101))
    many = PIPELINE.replace("[trainers]", f"[{contexts}]")
    assert any("more than 100 contexts" in one for one in check(many))
    key = f"- save_cache: {{key: {'k' * 901}, paths: [x]}}\n      - checkout\n"
    assert any(
        "cache key" in one for one in check(PIPELINE.replace("- checkout\n", key))
    )
    large = PIPELINE.replace("make setup", f"echo {'x' * 5_000_000}")
    assert any("bytes compiled" in one for one in check(large))
