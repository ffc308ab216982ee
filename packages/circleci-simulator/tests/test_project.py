"""A push to a repository on this machine runs the commands of its jobs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from circleci_simulator import ConfigError, Project
from circleci_simulator.steps import install_agent

Begin = Callable[..., Project]


@pytest.fixture
def begin(remote: Any, tmp_path: Path) -> Begin:
    """Push files to the branch `main` of a new repository, and return its project."""

    def make(files: dict[str, str], **settings: Any) -> Project:
        remote.push(files)
        return Project(remote=remote.folder, folder=tmp_path / "circleci", **settings)

    return make


def config(
    steps: str, *, job: str = "", workflow: str = "jobs: [work]"
) -> dict[str, str]:
    """Write a config with one job, from the steps and further keys of it."""
    text = (
        f"version: 2.1\njobs:\n  work:\n    docker: [{{image: cimg/base:current}}]\n"
        f"{job}    steps:\n{steps}workflows: {{w: {{{workflow}}}}}\n"
    )
    return {".circleci/config.yml": text}


def test_a_job_runs_in_a_clone(begin: Begin, remote: Any) -> None:
    """It has the pushed commit on its branch, and CircleCI's variables."""
    show = "git rev-parse --abbrev-ref HEAD; git rev-parse HEAD; echo $CIRCLE_JOB"
    steps = f"      - checkout\n      - run: {show}\n"
    project = begin({**config(steps), "data": "42\n"})

    pipeline = project.trigger("main")
    work = pipeline.run()["work"]

    assert pipeline.executed == ["work"]
    sha = remote.git("rev-parse", "main")
    assert (work.status, work.log) == ("success", f"main\n{sha}\nwork\n")
    assert (work.directory / "data").read_text() == "42\n"


def test_without_a_checkout_a_job_has_no_files(begin: Begin) -> None:
    """CircleCI starts each job in an empty directory."""
    project = begin(config("      - run: ls -A | wc -l\n"))
    assert project.trigger("main").run()["work"].log.strip() == "0"


def test_a_tag_is_checked_out(begin: Begin, remote: Any) -> None:
    """A job that a filter lets run on it sees the tag, and no branch."""
    steps = '      - checkout\n      - run: echo "$CIRCLE_TAG ${CIRCLE_BRANCH-none}"\n'
    filtered = 'jobs: [work: {filters: pipeline.git.tag == "v1"}]'
    project = begin(config(steps, workflow=filtered))
    remote.git("tag", "v1")
    assert project.trigger(tag="v1").run()["work"].log == "v1 none\n"
    assert project.trigger("main").run() == {}


def test_a_job_sees_its_own_environment(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not this machine's secrets; a step's variables come before a job's, and so on."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    steps = (
        "      - run: {command: 'echo $STEP $JOB $CONTEXT $PROJECT', "
        "environment: {STEP: 1}}\n      - run: echo ${AWS_SECRET_ACCESS_KEY-unset}\n"
        "      - run: cd; pwd\n"
    )
    job = "    environment: {STEP: 2, JOB: 2, CIRCLE_JOB: 2}\n"
    project = begin(
        config(steps, job=job, workflow="jobs: [work: {context: [team]}]"),
        contexts={"team": {"JOB": "3", "CONTEXT": "3"}},
        environment={"CONTEXT": "4", "PROJECT": "4"},
    )
    work = project.trigger("main").run()["work"]
    home = work.directory.parent
    assert work.log.splitlines() == ["1 2 3 4", "unset", str(home)]


def test_a_missing_context_is_unauthorized(begin: Begin) -> None:
    """What requires the job does not run, unless it wants this status."""
    files = config("      - run: touch ran\n")
    files[".circleci/config.yml"] = files[".circleci/config.yml"].replace(
        "{jobs: [work]}",
        "{jobs: [work: {context: secret}, work: {name: then, requires: [work]}, "
        "work: {name: told, requires: [work: unauthorized]}]}",
    )
    ran = begin(files).trigger("main").run()
    assert {name: one.status for name, one in ran.items()} == {
        "work": "unauthorized",
        "told": "success",
    }
    assert "no context is called secret" in ran["work"].log


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("checkout", "checkout: git clone: "),
        ("persist_to_workspace: {root: ., paths: [none]}", "nothing is at 'none'"),
        ("persist_to_workspace: {root: ., paths: [/etc]}", "persist_to_workspace: "),
        ("run: {name: nothing}", "run: 'command'"),
        ("run: {command: ls, working_directory: none}", "No such file"),
    ],
)
def test_a_step_that_goes_wrong_fails(begin: Begin, step: str, told: str) -> None:
    """The log says why."""
    steps = f"      - run: touch file\n      - {step}\n      - run: echo on\n"
    work = begin(config(steps)).trigger("main").run()["work"]
    assert work.status == "failed"
    assert told in work.log and "on\n" not in work.log.splitlines(keepends=True)


def test_a_failed_step_ends_a_job(begin: Begin) -> None:
    """What is for failures runs then, and a pipe fails with its first command."""
    steps = """\
      - run: echo one
      - run: false | cat
      - run: echo two
      - run: {command: echo three, when: on_fail}
      - run: {command: echo four, when: always}
"""
    work = begin(config(steps)).trigger("main").run()["work"]
    assert (work.status, work.log) == ("failed", "one\nthree\nfour\n")


def test_a_step_may_end_its_job(begin: Begin) -> None:
    """`circleci-agent step halt` ends it as a success; other calls are noted."""
    steps = """\
      - run: circleci run release log --target-version=7
      - run: circleci-agent step halt
      - run: exit 1
"""
    project = begin(config(steps))
    assert project.trigger("main").run()["work"].status == "success"
    assert project.circleci_calls == "run release log --target-version=7\n"


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ("plan d --target-version=7 --rollback; update d --status=running; "
         "update d --status FAILED --failure-reason='no = way'", ""),
        ("plan --target-version=7; plan other --target-version=8", ""),
        ("log --component-name=c --target-version=7", ""),
        ("plan d", "plan: needs --target-version"),
        ("plan d --target-version=7; plan d --target-version=7", "planned before"),
        ("update d --status=SUCCESS", "'d' was not planned in this workflow"),
        ("plan d --target-version=7; update d --status=DONE", "unknown status 'DONE'"),
        ("plan d --target-version=7; update d --status=SUCCESS; "
         "update d --status=FAILED", "'d' has ended: SUCCESS"),
        ("plan d --target=7", "unknown flag --target"),
        ("undo d", "unknown command"),
    ],
)  # fmt: skip
def test_deploy_markers_are_checked_as_circleci_does(
    tmp_path: Path, calls: str, told: str
) -> None:
    """A marker is planned once in a workflow, and updated until it has ended."""
    install_agent(tmp_path / "bin", tmp_path / "calls")
    command = " && ".join(f"circleci run release {one}" for one in calls.split("; "))
    ran = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "CIRCLE_WORKFLOW_ID": "w"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode == 0) == (not told), ran.stderr
    assert told in ran.stderr


# Two expressions of CircleCI's documentation, and two that no pipeline may satisfy.
RESTRICTIONS = {
    "oauth": 'pipeline.git.branch == "main" and not job.ssh.enabled '
    'and not (pipeline.config_source starts-with "api")',
    "app": 'pipeline.git.branch == "main" and pipeline.config.ref == "refs/heads/main"',
    "negated": 'not (pipeline.event.name == "x")',
    "parameter": "not pipeline.parameters.x",
}


@pytest.mark.parametrize(
    ("slug", "given", "allowed"),
    [
        # A value that a pipeline does not have bars the context.
        ("gh/o/p", {}, {"oauth"}),
        ("gh/o/p", {"values": {"pipeline.config_source": "api"}}, set()),
        ("gh/o/p", {"branch": "other"}, set()),
        ("gh/o/p", {"config_path": ".circleci/rollback.yml"}, {"oauth", "app"}),
        ("circleci/o/p", {}, {"oauth", "app"}),
        ("circleci/o/p", {"values": {"pipeline.config.ref": "other"}}, {"oauth"}),
    ],
)  # fmt: skip
def test_an_expression_restricts_a_context(
    begin: Begin, remote: Any, slug: str, given: dict[str, Any], allowed: set[str]
) -> None:
    """A job for which it does not hold ends unauthorized, and its log says why."""
    jobs = ", ".join(f"work: {{name: {one}, context: {one}}}" for one in RESTRICTIONS)
    files = config("      - run: echo here\n", workflow=f"jobs: [{jobs}]")
    (text,) = files.values()
    project = begin(
        {**files, ".circleci/rollback.yml": text},
        contexts={name: {} for name in RESTRICTIONS},
        restrictions=RESTRICTIONS,
        slug=slug,
    )
    remote.git("branch", "other")
    ran = project.trigger(**{"branch": "main", **given}).run()
    assert {name for name, one in ran.items() if one.status == "success"} == allowed
    for name in RESTRICTIONS.keys() - allowed:
        assert ran[name].status == "unauthorized"
        assert f"'{name}' is restricted to {RESTRICTIONS[name]}" in ran[name].log


def test_a_step_in_the_background_ends_with_its_job(begin: Begin) -> None:
    """The next step does not wait for it, and nothing of it is left."""
    steps = """\
      - run: {command: echo $$ > pid; sleep 600, background: true}
      - run: until [ -s pid ]; do sleep 0.05; done; cat pid
"""
    work = begin(config(steps)).trigger("main").run()["work"]
    assert work.status == "success"
    with pytest.raises(ProcessLookupError):
        os.kill(int(work.log), 0)


def test_a_step_that_does_not_end_has_failed(begin: Begin) -> None:
    """It is stopped, and the log says so."""
    project = begin(config("      - run: sleep 600\n"), step_timeout=0.2)
    work = project.trigger("main").run()["work"]
    assert work.status == "failed"
    assert "no end after 0.2 seconds" in work.log


def test_a_step_is_rerun(begin: Begin) -> None:
    """As often as it says."""
    command = "echo x >> tries; [ $(wc -l < tries) = 3 ]"
    steps = f"      - run: {{command: '{command}', max_auto_reruns: 2}}\n"
    assert begin(config(steps)).trigger("main").run()["work"].status == "success"


def test_variables_are_exported_to_later_steps(begin: Begin) -> None:
    """Through BASH_ENV, as on CircleCI; a step may have a shell and a directory."""
    steps = """\
      - run: mkdir sub; echo 'export NAME=ada' >> "$BASH_ENV"
      - run: {command: 'echo $NAME; basename $PWD', working_directory: sub}
      - run: {command: 'false; echo $0', shell: sh}
"""
    work = begin(config(steps)).trigger("main").run()["work"]
    assert work.log == "ada\nsub\nsh\n"


def test_what_this_machine_has_is_not_installed(begin: Begin) -> None:
    """A step's command is replaced by its name, and steps without effect are told."""
    steps = """\
      - restore_cache: {keys: [a]}
      - run: {name: Install, command: exit 1}
      - setup_remote_docker
"""
    project = begin(config(steps), replaced_steps={"Install": "echo is here"})
    work = project.trigger("main").run()["work"]
    assert work.log.splitlines() == [
        "restore_cache: has no effect here",
        "is here",
        "setup_remote_docker: has no effect here",
    ]


def test_a_step_that_cannot_be_run_fails(begin: Begin) -> None:
    """An orb's command whose source is not known is not passed over."""
    files = config("      - node/install\n")
    text = files[".circleci/config.yml"]
    files[".circleci/config.yml"] = text + "orbs: {node: circleci/node@7.1.0}\n"
    project = begin(files, orbs={"circleci/node@7.1.0": None})
    work = project.trigger("main").run()["work"]
    assert (work.status, work.log) == ("failed", "node/install: cannot be run here\n")


TWO = """\
version: 2.1
jobs:
  make:
    docker: [{image: x}]
    steps:
      - run: mkdir -p out/deep && echo made > out/deep/file && touch out/other
      - persist_to_workspace: {root: out, paths: [deep, oth*]}
  take:
    docker: [{image: x}]
    steps:
      - attach_workspace: {at: given}
      - run: cat given/deep/file && ls given
      - run: echo "$CIRCLE_WORKFLOW_WORKSPACE_ID $CIRCLE_WORKFLOW_ID"
workflows:
  w:
    jobs:
      - make
      - hold: {type: approval, requires: [make]}
      - take: {requires: [hold]}
"""


def test_jobs_of_a_workflow_share_a_workspace(begin: Begin) -> None:
    """After an approval, and when a job is rerun in a workflow of its own."""
    pipeline = begin({".circleci/config.yml": TWO}).trigger("main")

    assert pipeline.executed == ["make", "hold", "take"]
    assert list(pipeline.run()) == ["make"]
    assert pipeline.run() == {}
    take = pipeline.run(approved=frozenset({"hold"}))["take"]
    again = pipeline.rerun("take")

    assert take.log.splitlines()[:3] == ["made", "deep", "other"]
    workspace, workflow = take.log.split()[-2:]
    assert workspace == workflow
    assert again.log.split()[-2] == workspace and again.log.split()[-1] != workflow
    assert pipeline.jobs["take"] is again


def test_jobs_that_do_not_wait_for_each_other_run_at_once(
    begin: Begin, tmp_path: Path
) -> None:
    """Each of these two ends only if the other has begun."""
    meet = (
        f"cd {tmp_path} && touch $CIRCLE_JOB; for i in $(seq 200); do "
        "[ -e a ] && [ -e b ] && exit 0; sleep 0.05; done; exit 1"
    )
    files = config(
        f"      - run: {meet}\n", workflow="jobs: [work: {name: a}, work: {name: b}]"
    )
    ran = begin(files).trigger("main").run()
    assert {one.status for one in ran.values()} == {"success"}


def test_a_skipped_job_counts_as_successful(begin: Begin) -> None:
    """What requires it runs."""
    project = begin({".circleci/config.yml": TWO}, skipped_jobs=frozenset({"make"}))
    assert list(project.trigger("main").run(approved=True)) == ["take"]


def test_jobs_of_two_workflows_may_have_one_name(begin: Begin) -> None:
    """They are then called by their workflow too."""
    files = config(
        "      - run: echo $CIRCLE_JOB\n", workflow="jobs: [work]}, v: {jobs: [work]"
    )
    ran = begin(files).trigger("main").run()
    assert sorted(ran) == ["v/work", "w/work"]
    assert ran["v/work"].log == "work\n"


SETUP = """\
version: 2.1
setup: true
orbs: {continuation: circleci/continuation@2.0.1}
parameters: {action: {type: string, default: ci}}
jobs:
  select:
    docker: [{image: x}]
    steps:
      - checkout
      - run: cp next.yml generated.yml
      - continuation/continue: {configuration_path: generated.yml, parameters: PASSED}
workflows: {setup: {jobs: [select]}}
"""
NEXT = """\
version: 2.1
parameters:
  action: {type: string, default: ci}
  models: {type: string, default: ""}
jobs:
  work:
    docker: [{image: x}]
    environment:
      ACTION: << pipeline.parameters.action >>
      MODELS: << pipeline.parameters.models >>
    steps: [{run: echo $ACTION $MODELS}]
workflows: {w: {when: pipeline.parameters.models, jobs: [work]}}
"""


@pytest.mark.parametrize("passed", ['\'{"models": "a b"}\'', "passed.json"])
def test_a_setup_workflow_continues_the_pipeline(begin: Begin, passed: str) -> None:
    """With a config and parameters that its job made, given as text or as a file."""
    project = begin(
        {
            ".circleci/config.yml": SETUP.replace("PASSED", passed),
            "next.yml": NEXT,
            "passed.json": json.dumps({"models": "a b"}),
        }
    )

    pipeline = project.trigger("main", parameters={"action": "retrain"})

    assert pipeline.setup_jobs["select"].status == "success"
    assert pipeline.config == NEXT
    assert pipeline.executed == ["work"]
    assert pipeline.run()["work"].log == "retrain a b\n"


def test_a_failed_setup_continues_nothing(begin: Begin) -> None:
    """Its job is there to see why."""
    project = begin({".circleci/config.yml": SETUP.replace("PASSED", "'{}'")})
    pipeline = project.trigger("main")
    assert pipeline.setup_jobs["select"].status == "failed"
    assert "next.yml" in pipeline.setup_jobs["select"].log
    assert pipeline.run() == {}


def test_a_pipeline_is_continued_once(begin: Begin, remote: Any) -> None:
    """By a setup workflow, and never by what it continued with."""
    twice = SETUP.replace("PASSED", "'{}'").replace(
        "workflows:",
        "      - continuation/continue: {configuration_path: next.yml}\nworkflows:",
    )
    project = begin({".circleci/config.yml": twice, "next.yml": NEXT})
    assert "not in setup state" in project.trigger("main").setup_jobs["select"].log
    remote.push({".circleci/plain.yml": twice.replace("setup: true\n", "")})
    ran = project.trigger("main", config_path=".circleci/plain.yml").run()
    assert "not in setup state" in ran["select"].log


def test_parameters_have_to_be_declared(begin: Begin, remote: Any) -> None:
    """By the config that is triggered, and by what it continues with."""
    files = {".circleci/config.yml": SETUP.replace("PASSED", "'{}'"), "next.yml": NEXT}
    project = begin(files)
    with pytest.raises(ConfigError, match=r"Unexpected argument\(s\): model"):
        project.trigger("main", parameters={"model": "a"})
    remote.push({"next.yml": NEXT.replace("action:", "deed:")})
    with pytest.raises(ConfigError, match=r"Unexpected argument\(s\): action"):
        project.trigger("main", parameters={"action": "retrain"})


def test_a_parameter_is_not_passed_again(begin: Begin) -> None:
    """CircleCI does not continue with a parameter that the trigger has given."""
    setup = SETUP.replace("PASSED", '\'{"action": "ci"}\'')
    project = begin({".circleci/config.yml": setup, "next.yml": NEXT})
    assert project.trigger("main").config == NEXT
    with pytest.raises(ConfigError, match=r"Conflicting pipeline parameters\."):
        project.trigger("main", parameters={"action": "retrain"})


def test_what_is_not_there_cannot_be_triggered(begin: Begin) -> None:
    """Neither a branch, nor a config."""
    project = begin({"README.md": ""})
    with pytest.raises(ConfigError, match="rev-parse"):
        project.trigger("absent")
    with pytest.raises(ConfigError, match=r"config\.yml"):
        project.trigger("main")


def test_a_rollback_pipeline_gets_its_values(begin: Begin) -> None:
    """It is another config of the project, with what the Rollback button passes."""
    text = config(
        "      - run: echo $TARGET\n",
        job="    environment: {TARGET: << pipeline.deploy.target_version >>}\n",
    )
    project = begin({".circleci/rollback.yml": text[".circleci/config.yml"]})
    pipeline = project.trigger(
        "main",
        config_path=".circleci/rollback.yml",
        values={"pipeline.deploy.target_version": "6"},
    )
    assert pipeline.run()["work"].log == "6\n"


def test_a_hostile_branch_stays_a_name(begin: Begin, remote: Any) -> None:
    """Nothing of it is run by the simulator."""
    branch = "x;touch${IFS}pwned;$(touch${IFS}pwned)"
    project = begin(config('      - checkout\n      - run: echo "$CIRCLE_BRANCH"\n'))
    remote.git("branch", branch)
    pipeline = project.trigger(branch)
    assert pipeline.run()["work"].log == f"{branch}\n"
    assert not list(pipeline.folder.rglob("pwned"))


def test_python_of_a_job_is_this_machines(begin: Begin) -> None:
    """Programs come from the machine's PATH, or from what a step exports."""
    step = f"export PATH={Path(sys.executable).parent}:$PATH"
    steps = f"""\
      - run: echo '{step}' >> "$BASH_ENV"
      - run: command -v python3
"""
    log = begin(config(steps)).trigger("main").run()["work"].log
    assert Path(log.strip()).parent == Path(sys.executable).parent
