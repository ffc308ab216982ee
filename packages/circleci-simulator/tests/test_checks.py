"""The checker finds what CircleCI's JSON schema lets pass, and what it does not."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from circleci_simulator import Pipeline, check, check_pair, load
from examples import PIPELINE, RELEASE, ROLLBACK, SETUP

# Each mistake: a text of a good config, what replaces it, and a part of the problem.
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
    "unknown argument of an executor": ('tag: "3.11"', "tga: x", "argument 'tga'"),
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
        (
            "jobs:\n      - review: {type: approval, name: x}\n"
            "      - review: {type: approval, name: x}\n      - train"
        ),
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
        'filters: pipeline.git.branch == "main"',
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
    "no executor": (
        "    executor: python\n    parallelism",
        "    parallelism",
        "no exec",
    ),
    "misspelt executor key": (
        "executor: python\n",
        "exceutor: python\n",
        "'executor'?",
    ),
    "no steps": ("    steps: [install]\n  gate", "  gate", "no steps"),
    "unknown job key": (
        "    parallelism:",
        "    paralelism:",
        "did you mean 'parallel",
    ),
    "unknown key of run": ("{command: make", "{comand: make", "unknown key 'comand'"),
    "run without a command": ("- run: python", "- run: #", "run: needs command"),
    "too many reruns": ("max_auto_reruns: 2", "max_auto_reruns: 9", "must be 1 to 5"),
    "workspace without its root": (
        "- checkout\n",
        "- checkout\n      - persist_to_workspace: {paths: [x]}\n",
        "persist_to_workspace: needs root",
    ),
    "missing version": ("version: 2.1\n", "", "version: must be 2.1"),
    "misspelt filter": (
        "filters: pipeline.git.branch matches /main|release-.*/",
        "filters: {branches: {onyl: main}}",
        "unknown key 'onyl'; did you mean 'only'?",
    ),
    "a step with two keys": (
        "      - run: python",
        "      - name: x\n        run: python",
        "a step has one key, not name, run",
    ),
    "approval with the name of a job": (
        "review: {type: approval, requires: [train-a]}",
        "train: {type: approval, name: review, requires: [train-a]}",
        "a job has the name of this approval",
    ),
    "type of a job in a workflow": (
        "type: approval",
        "type: no-op",
        "only an approval",
    ),
    "pipeline parameter without a default": (
        "{type: boolean, default: false}",
        "{type: boolean}",
        "needs a default",
    ),
    "steps as text": (
        "steps: [install]\n  gate",
        "steps: install\n  gate",
        "be a list",
    ),
    "unknown moment": (
        "{command: make setup",
        "{when: allways, command: make setup",
        "when must be one of",
    ),
    "delay without reruns": (
        "{command: make setup",
        "{auto_rerun_delay: 5s, command: make setup",
        "needs max_auto_reruns",
    ),
    "command that invokes itself": ("- checkout\n", "- install\n", "invokes itself"),
    "pattern of a filter": (
        "branch matches /main|release-.*/",
        "branch matches /main|(release-.*/",
        "is not an expression",
    ),
    "logic that is always true": (
        'pipeline.parameters.action == "ci" or pipeline.parameters.force',
        "{and: [pipeline.parameters.force]}",
        "is always true",
    ),
    "unknown logic": (
        'pipeline.parameters.action == "ci" or pipeline.parameters.force',
        "{equals: [a, b]}",
        "did you mean 'equal'?",
    ),
    "value of pull requests alone": (
        "filters: pipeline.git.branch",
        "filters: pipeline.event.github.pull_request.title",
        "test pipeline.event.name",
    ),
    "operator on other operands": (
        "filters: pipeline.git.branch matches",
        "filters: pipeline.git.branch > 3 and pipeline.git.branch matches",
        "> takes numbers",
    ),
    "requirement of which there are two": (
        "- gate: {requires: [",
        "- deploy\n      - gate: {requires: [deploy, ",
        "requires 'deploy', of which there are 2",
    ),
    "argument of an orb": (
        "steps: [install]\n  gate",
        "steps: [{continuation/continue: {config_path: x}}]\n  gate",
        "unknown argument 'config_path'",
    ),
}


RELEASE_MISTAKES = {
    "release without a plan": ("    plan_name: service-release\n", "", "a plan_name"),
    "misspelt plan": ("plan_name:", "plan-name:", "did you mean 'plan_name'?"),
    "misspelt validation": ("evaluation_time", "evaluation-time", "evaluation_time'?"),
    "validation that is not enabled": ("enabled: true", "evaluation_time: 5m", "twice"),
    "validation without enabled": ("      enabled: true\n", "", "needs enabled"),
    "unknown provider": ("datadog", "datadgo", "unknown provider 'datadgo'"),
    "webhook without a name": ("{name: errors, ", "{", "a webhook needs a name"),
    "unknown key of a webhook": ("max_failures", "max_failure", "'max_failures'?"),
    "misspelt group": ("      - rollout:\n", "      - rolout:\n", "undefined job 'rol"),
    "misspelt job of a group": (
        "jobs:\n      - migrate\n",
        "jobs:\n      - x\n",
        "'x'",
    ),
    "group with the name of a job": (
        "job-groups:\n  rollout",
        "job-groups:\n  test",
        "too",
    ),
    "group without jobs": (
        "    jobs:\n      - migrate\n      - release: {requires: [migrate]}\n",
        "    jobs: []\n",
        "no jobs",
    ),
    "group in a group": (
        "      - migrate\n",
        "      - migrate\n      - rollout\n",
        "nest",
    ),
    "parameters of a group": (
        "  rollout:\n    jobs",
        "  rollout:\n    parameters: {a: {type: string}}\n    jobs",
        "unknown key 'parameters'",
    ),
    "context of a group": ("requires: [test]\n", "context: c\n", "takes no 'context'"),
    "matrix of a group": ("requires: [test]\n", "matrix: {}\n", "takes no 'matrix'"),
    "argument of a group": ("requires: [test]\n", "os: mac\n", "takes no 'os'"),
    "serial group inside a group": (
        "release: {requires: [migrate]}",
        "release: {requires: [migrate], serial-group: x}",
        "belongs on the invocation",
    ),
    "group twice": (
        "      - rollout:\n",
        "      - rollout\n      - rollout:\n",
        "invoked again without a name",
    ),
    "requirement inside a group": (
        "override-with: standard/test, requires: [build]",
        "requires: [build, migrate]",
        "is inside job group 'rollout'",
    ),
    "requirement outside of the group": (
        "release: {requires: [migrate]}",
        "release: {requires: [test]}",
        "requires 'test', which is not there",
    ),
    "misspelt override": (
        "standard/test",
        "standard/tset",
        "is no job of the declared",
    ),
    "override without an orb": ("standard/test", "test", "is no job of the declared"),
    "argument that a matrix misspells": ("python: [", "pyhton: [", "argument 'pyhton'"),
    "value that a matrix cannot have": (
        "os: [linux, mac]",
        "os: [linux, win]",
        "not fit",
    ),
    "job of an inline orb": (
        "make standard-test",
        "<< parameters.x >>",
        "orbs.standard",
    ),
}


@pytest.mark.parametrize("config", [PIPELINE, SETUP, RELEASE, ROLLBACK])
def test_good_configs_pass(config: str) -> None:
    """Nothing is found in configs without a mistake."""
    assert check(config) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_found(mistake: str) -> None:
    """One mistake seeded into a good config is told."""
    old, new, told = MISTAKES[mistake]
    assert old in PIPELINE
    problems = check(PIPELINE.replace(old, new, 1))
    assert any(told in problem for problem in problems), problems


@pytest.mark.parametrize("mistake", RELEASE_MISTAKES)
def test_mistake_in_a_release_is_found(mistake: str) -> None:
    """Release jobs, job groups, matrices and overrides are known, with typos."""
    old, new, told = RELEASE_MISTAKES[mistake]
    assert old in RELEASE
    problems = check(RELEASE.replace(old, new, 1))
    assert any(told in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("deploy.target_version >>", "deploy.version >>", "unknown value"),
        ("deploy.component_name", "deploy.component-name", "deploy.component_name'?"),
        ('"$TARGET"', "<< pipeline.deploy.target_version >>", "free text"),
    ],
)
def test_mistake_in_a_rollback_pipeline_is_found(old: str, new: str, told: str) -> None:
    """The values of a deployment are known, and are text that somebody types."""
    assert old in ROLLBACK
    problems = check(ROLLBACK.replace(old, new, 1))
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


def test_a_setup_job_may_stand_in_for_one_without_its_context() -> None:
    """Of the two only one continues, whoever triggers the pipeline."""
    pair = (
        "[{select: {context: team}}, "
        "{select: {name: again, requires: [{select: STATUS}]}}]"
    )
    for status, told in (
        ("unauthorized", []),
        ("terminal", ["workflows: setup continues 2 times on 'main'"]),
    ):
        config = SETUP.replace("[select]", pair.replace("STATUS", status), 1)
        main = [Pipeline(branch="main")]
        assert check(config, main) == told


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


def test_limits_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setattr("circleci_simulator.checks.MAX_BYTES", 100_000)
    large = PIPELINE.replace("make setup", f"echo {'x' * 60_000}")
    assert any("bytes compiled" in one for one in check(large))


def test_an_orb_needs_its_source() -> None:
    """An orb is checked by its source, accepted without one if asked, else told."""
    text = PIPELINE.replace("orbs:\n", "orbs:\n  tools: acme/tools@1.2.3\n").replace(
        "steps: [install]\n  gate", "steps: [tools/lint]\n  gate"
    )
    source = "version: 2.1\ncommands: {lint: {steps: [{run: make lint}]}}\n"

    assert any("unknown orb 'acme/tools'" in one for one in check(text))
    assert check(text, orbs={"acme/tools@1.2.3": None}) == []
    assert check(text, orbs={"acme/tools@1.2.3": source}) == []
    other = source.replace("lint:", "litn:")
    assert any(
        "undefined" in one for one in check(text, orbs={"acme/tools@1.2.3": other})
    )
    assert any("no version" in one for one in check(text.replace("@1.2.3", "")))


def test_a_part_of_an_orbs_version_is_enough() -> None:
    """CircleCI takes the newest version that begins so."""
    assert check(SETUP.replace("@2.0.1", "@2")) == []
    assert check(SETUP.replace("@2.0.1", "@2.0")) == []
    assert check(SETUP.replace("@2.0.1", "@2.1")) != []


def test_a_setup_may_continue_by_the_api_or_by_an_orb_whose_source_is_not_known() -> (
    None
):
    """What cannot be seen is not told to be missing."""
    step = "- continuation/continue: {configuration_path: x.yml}"
    call = "- run: 'curl -d \"$CIRCLE_CONTINUATION_KEY\" https://circleci.com/api'"
    assert check(SETUP.replace(step, call)) == []
    orb = SETUP.replace(
        "orbs:\n", "orbs:\n  path-filtering: circleci/path-filtering@3.0.0\n"
    )
    filtering = orb.replace(step, "- path-filtering/set-parameters")
    assert check(filtering, orbs={"circleci/path-filtering@3.0.0": None}) == []


def test_a_top_level_key_may_hold_anchors() -> None:
    """CircleCI ignores such keys, and so does the checker if YAML uses them."""
    anchors = "references:\n  image: &image cimg/base:current\n"
    assert check(PIPELINE + anchors) == []
    assert check(PIPELINE + anchors.replace("&image ", "")) == [
        "references: unknown top-level key"
    ]


def test_pipelines_of_a_project_can_be_given() -> None:
    """Whether a job waits for ever is checked for the branches that there are."""
    text = PIPELINE.replace(
        "context: [trainers]", 'filters: pipeline.git.branch == "trunk"'
    )
    assert check(text, [Pipeline(branch="trunk")]) == []
    assert "hangs on 'main'" in check(text, [Pipeline(branch="main")])[0]


def nodes(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value below a node."""
    pairs = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node if isinstance(node, list) else ())
    )
    for key, value in pairs:
        yield (*path, key)
        yield from nodes(value, (*path, key))


@pytest.mark.parametrize("text", [PIPELINE, SETUP, RELEASE, ROLLBACK])
def test_a_config_of_any_shape_is_read(text: str) -> None:
    """Whatever stands in the place of a value, problems are told and nothing breaks."""
    config = load(text)
    for path in nodes(config.data):
        for value in (None, 5, "<< x >>", [[{"a": 1, "b": 2}]], {"x": None}):
            mutated = copy.deepcopy(config.data)
            inner = mutated
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
            check(replace(config, data=mutated))


def test_circlecis_schema_accepts_the_good_configs(tmp_path: Path) -> None:
    """The published JSON schema finds nothing in them either."""
    configs = {"a": PIPELINE, "b": SETUP, "c": RELEASE, "d": ROLLBACK}
    for name, text in configs.items():
        (tmp_path / f"{name}.yml").write_text(text)
    tool = [sys.executable, "-m", "check_jsonschema"]
    files = [str(tmp_path / f"{name}.yml") for name in configs]
    found = subprocess.run(
        [*tool, "--builtin-schema", "vendor.circle-ci", *files],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout
