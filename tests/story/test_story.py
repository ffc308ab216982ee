"""From push to deployment: what CircleCI runs, run here against the embedded AWS."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import clones
import first_day
import permissions
import pytest
import tiny
import toys
import warm_python
from circleci_simulator import (
    JobRun,
    Pipeline,
    PipelineRun,
    Project,
    check_pair,
    executed,
)
from embedded_aws import EmbeddedAWS
from model_packages import ENDPOINT, make_package
from repository import Repository

from lifecycle.aws import client
from lifecycle.deploy import deploy
from lifecycle.registration.packages import find_package, list_packages
from lifecycle.s3 import read_bytes, write_bytes
from runner.spec import content as contents

ROOT = clones.ROOT
# Its sitecustomize.py is run by every Python that starts.
RECORDER = Path(__file__).parent / "recorder"
PROGRAMS = f"{Path(warm_python.executable()).parent}:{Path(sys.executable).parent}"
# `make setup` installs the checkout, so that kernels import its runner; the project of
# a story has no runner of its own, or a copy, which comes first.
INSTALL = f"""\
echo 'export PATH="{PROGRAMS}:$PATH"' >> "$BASH_ENV"
echo "export PYTHONPATH=$PWD:{ROOT}:{RECORDER}" >> "$BASH_ENV"
"""
# What this machine has already is not installed again.
REPLACED = {
    "Install what selecting takes": INSTALL,
    "Install what asking AWS takes": "true",
    "Install what this job runs": INSTALL,
    "Install the dependencies": INSTALL,
    "Let its kernels import this repository": "true",
}
# What a shell, YAML or CircleCI would act on, in a branch's name.
TOUCH = "touch${IFS}pwned"
HOSTILE = f"x;{TOUCH};$({TOUCH})`{TOUCH}`&&{TOUCH}|<<pipeline.id>>'\""

pytestmark = pytest.mark.slow


@cache
def always() -> list[str]:
    """Name the jobs of every pipeline, which are not run here: they run these tests."""
    jobs = (ROOT / ".circleci" / "jobs.yml").read_text()
    return executed(jobs, Pipeline(branch="main"))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[first_day.FirstDay]:
    """An AWS account of these stories' own, after the first day of docs/circleci.md."""
    with clones.start_aws() as embedded:
        folder = tmp_path_factory.mktemp("day") / "clone"
        done = first_day.follow(folder, embedded)
        # These tests write archives of their own, which bucket.json forbids.
        clones.connect(embedded, "s3").delete_bucket_policy(Bucket=first_day.BUCKET)
        yield done


@pytest.fixture
def account(day: first_day.FirstDay) -> EmbeddedAWS:
    """That account."""
    assert day.aws is not None
    return day.aws


@pytest.fixture
def contexts(account: EmbeddedAWS, tmp_path: Path) -> dict[str, dict[str, str]]:
    """The contexts of docs/circleci.md: a role each, and no access keys.

    Beside them, the file in which the recorder notes what its jobs ask of AWS.
    """
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    given = {k: v for k, v in account.environment.items() if k not in keys}
    role = given.pop("SAGEMAKER_EXECUTION_ROLE_ARN").rpartition("/")[0]
    found = {
        f"model-{name}s": given | {"AWS_ROLE_ARN": f"{role}/model-{name}"}
        for name in ("trainer", "approver", "deployer")
    }
    for name in ("model-trainers", "model-deployers"):
        found[name]["SAGEMAKER_EXECUTION_ROLE_ARN"] = first_day.EXECUTION_ROLE
    for name, variables in found.items():
        variables["AWS_CALLS"] = str(tmp_path / f"aws-calls-{name}")
    # Where deploys are pipelines of GitHub OAuth.
    found["model-rollbacks"] = found["model-deployers"]
    return found


class Team:
    """A team's clone, the remote it pushes to, and CircleCI, which follows that."""

    def __init__(
        self, folder: Path, contexts: dict[str, dict[str, str]], expression: str
    ) -> None:
        remote = folder / "remote.git"
        self.here = Repository(folder / "clone")
        self.here.git("init", "-q", "--bare", "-b", "main", str(remote))
        self.here.git("remote", "add", "origin", str(remote))
        self.circleci = Project(
            remote=remote,
            folder=folder / "circleci",
            contexts=contexts,
            restrictions=dict.fromkeys(
                ("model-deployers", "model-rollbacks"), expression
            ),
            replaced_steps=REPLACED,
            skipped_jobs=frozenset(always()),
            # All its pipelines are those of the GitHub App.
            slug="circleci/team/models",
        )

    def trigger(self, branch: str, **parameters: str) -> PipelineRun:
        """Trigger a pipeline, whose setup job selects what it affects."""
        pipeline = self.circleci.trigger(branch, parameters=parameters)
        (setup,) = pipeline.setup_jobs.values()
        assert setup.status == "success", setup.log
        config = setup.directory / ".circleci" / "config.yml"
        assert check_pair(config.read_text(), pipeline.config) == []
        return pipeline

    def press_rollback(self, model: str, *, live: int, to: int, **more: str) -> JobRun:
        """Press CircleCI's Rollback button, and choose in its dialog."""
        chosen = {
            "component_name": model,
            "environment_name": "production",
            "current_version": str(live),
            "target_version": str(to),
            **more,
        }
        pipeline = self.circleci.trigger(
            "main",
            config_path=".circleci/rollback.yml",
            values={f"pipeline.deploy.{name}": one for name, one in chosen.items()},
        )
        return pipeline.run()["rollback"]

    def push(self, branch: str = "main") -> PipelineRun:
        """Push a branch, which triggers a pipeline."""
        self.here.git("push", "-q", "origin", branch)
        return self.trigger(branch)

    def commit_on(self, branch: str, model: str, **change: float) -> None:
        """Commit a changed tiny model on a branch off main."""
        self.here.checkout("main")
        self.here.branch(branch)
        tiny.write_model(self.here.root, model, **change)
        self.here.commit()

    def change(self, branch: str, model: str, **change: float) -> PipelineRun:
        """Push a branch off main that changes a tiny model."""
        self.commit_on(branch, model, **change)
        return self.push(branch)

    def merge(self, branch: str, *arguments: str) -> PipelineRun:
        """Merge a branch into main, and push that."""
        self.here.checkout("main")
        self.here.git("merge", "-q", *arguments, branch)
        self.here.commit()
        return self.push()


@pytest.fixture
def team(
    tmp_path: Path, day: first_day.FirstDay, contexts: dict[str, dict[str, str]]
) -> Callable[..., Team]:
    """Begin a project with tiny models, pushed to main and not trained yet."""

    def begin(*models: str) -> Team:
        made = Team(tmp_path, contexts, day.printed[1])
        root = made.here.root
        shutil.copytree(ROOT / ".circleci", root / ".circleci")
        shutil.copy(ROOT / ".gitignore", root)
        tiny.write_shared(root)
        for model in models:
            tiny.write_model(root, model)
        made.here.commit()
        made.here.git("push", "-q", "origin", "main")
        return made

    return begin


@pytest.fixture
def predict(account: EmbeddedAWS) -> Callable[..., float]:
    """Ask an endpoint for one prediction."""
    runtime = clones.connect(account, "sagemaker-runtime")

    def ask(model: str, row: str = "10,0") -> float:
        answer = runtime.invoke_endpoint(
            EndpointName=model, ContentType="text/csv", Body=row
        )
        return float(answer["Body"].read())

    return ask


def model_jobs(pipeline: PipelineRun) -> list[str]:
    """Name the models' jobs that run when all goes well and is approved."""
    assert set(always()) <= set(pipeline.executed)
    return [name for name in pipeline.executed if name not in always()]


def results(ended: JobRun) -> dict[str, Any]:
    """Read what a deployment left in its artifacts."""
    (record,) = ended.directory.glob("build/*/deploy.json")
    return json.loads(record.read_text())["results"]


def succeeded(jobs: dict[str, JobRun]) -> list[str]:
    """Name the jobs that ran, none of which may have failed."""
    for ended in jobs.values():
        assert ended.status == "success", ended.log
    return list(jobs)


def at_once(*pipelines: PipelineRun) -> list[list[str]]:
    """Run pipelines beside each other, with whatever is to approve approved."""
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(one.run, approved=True) for one in pipelines]
        return [succeeded(run.result()) for run in runs]


@pytest.fixture
def aws(account: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what the test itself asks of AWS go to the account, too."""
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)


def serve(root: Path, model: str) -> dict[str, Any]:
    """Deploy a checkout's content of a model, without training it."""
    package = make_package(model, fingerprint=contents.content(root, model).fingerprint)
    arn = deploy(package, endpoint=ENDPOINT).arn
    serving = contents.content(root, model).serving_fingerprint
    tag = {"Key": "deployment", "Value": serving}
    client("sagemaker").add_tags(ResourceArn=arn, Tags=[tag])
    return client("sagemaker").describe_endpoint(EndpointName=model)


def assert_permitted(contexts: dict[str, dict[str, str]], raw_bucket: str) -> None:
    """Compare all calls of the jobs so far with the documented policies.

    raw_bucket: of the raw data, which step 4 lets the trainer read
    """
    files = {
        role: Path(contexts[f"model-{role}s"]["AWS_CALLS"])
        for role in ("trainer", "approver", "deployer")
    }
    for role, file in files.items():
        names = ["trainer", "raw-data"] if role == "trainer" else [role]
        policies = permissions.documented(*names, RAW_BUCKET=raw_bucket)
        needs = list(permissions.recorded(file))
        assert needs and permissions.refused(policies, needs) == []
        done = list(permissions.done_as_execution_role(file))
        assert permissions.refused(permissions.documented("execution"), done) == []
        assert (done == []) == (role == "approver")


def test_the_first_day_can_be_followed(day: first_day.FirstDay) -> None:
    """AWS takes its commands, and the simulations at its end say what is told."""
    simulated = [
        one["EvaluationResults"][0]["EvalDecision"]
        for call, one in day.answers
        if call == "iam simulate-principal-policy"
    ]
    assert simulated == ["allowed", "implicitDeny", "implicitDeny"]
    roles = [
        one["Role"]["RoleName"]
        for call, one in day.answers
        if call == "iam create-role"
    ]
    assert roles == [
        "sagemaker-execution",
        "model-trainer",
        "model-approver",
        "model-deployer",
    ]


def test_a_change_goes_live(
    tmp_path: Path,
    day: first_day.FirstDay,
    account: EmbeddedAWS,
    aws: None,
    contexts: dict[str, dict[str, str]],
    predict: Callable[..., float],
) -> None:
    """The template's notebooks, from a push to the endpoint; no other model changes.

    Every call of its jobs is one that the documented policies allow.
    """
    clones.upload_rows(account)
    ours = Team(tmp_path, contexts, day.printed[1])
    clones.clone_template(ours.here.root, "size", "large")
    ours.here.commit()
    ours.here.git("push", "-q", "origin", "main")
    large = serve(ours.here.root, "large")
    ours.here.branch("deeper-trees")
    spec = ours.here.root / "models" / "size" / "model.yaml"
    spec.write_text(spec.read_text().replace("max_depth: 3", "max_depth: 4"))
    ours.here.commit()

    pushed = ours.push("deeper-trees")
    assert model_jobs(pushed) == ["train-size", "review-size", "approve-size"]
    assert succeeded(pushed.run()) == ["train-size"]
    assert succeeded(pushed.run(approved=True)) == ["approve-size"]
    merged = ours.merge("deeper-trees", "--squash")
    assert model_jobs(merged) == ["deploy-size"]
    deployed = merged.run()

    assert succeeded(deployed) == ["deploy-size"]
    assert results(deployed["deploy-size"])["changed"]
    assert predict("size", "2.5,1,0") == pytest.approx(6, abs=1)
    assert ours.circleci.circleci_calls.splitlines() == [
        "run release plan deploy-size --environment-name=production "
        "--component-name=size --target-version=1",
        "run release update deploy-size --status=RUNNING",
        "run release update deploy-size --status=SUCCESS",
    ]
    ours.here.commit("README.md")
    assert model_jobs(ours.push()) == []
    now = client("sagemaker").describe_endpoint(EndpointName="large")
    assert now["LastModifiedTime"] == large["LastModifiedTime"]
    assert now["EndpointConfigName"] == large["EndpointConfigName"]
    assert_permitted(contexts, clones.BUCKET)
    (rows,) = [
        one["Key"]
        for one in client("s3").list_objects_v2(Bucket=first_day.BUCKET)["Contents"]
        if one["Key"].startswith("size/") and one["Key"].endswith("/train.csv")
    ]
    # The rows of what is live stay, for the comparison with its successor.
    tags = client("s3").get_object_tagging(Bucket=first_day.BUCKET, Key=rows)
    assert tags["TagSet"] == []


def test_a_rebase_goes_live_and_reruns_change_nothing(
    team: Callable[..., Team], predict: Callable[..., float]
) -> None:
    """Several commits land on top of another change; each job runs twice."""
    ours = team("rebased", "aside")
    ours.commit_on("steeper", "rebased", slope=2.0)
    tiny.write_model(ours.here.root, "rebased", slope=2.0, rounds=30)
    ours.here.commit("models/rebased/README.md")
    pushed = ours.push("steeper")
    assert model_jobs(pushed) == ["train-rebased", "review-rebased", "approve-rebased"]
    assert succeeded(pushed.run()) == ["train-rebased"]
    assert pushed.rerun("train-rebased").status == "success"
    assert succeeded(pushed.run(approved=True)) == ["approve-rebased"]
    approved = pushed.jobs["approve-rebased"].log
    assert pushed.rerun("approve-rebased").log == approved
    ours.here.checkout("main")
    ours.here.commit("README.md")

    ours.here.git("rebase", "-q", "main", "steeper")
    merged = ours.merge("steeper", "--ff-only")
    first = merged.run()["deploy-rebased"]
    again = merged.rerun("deploy-rebased")

    assert (first.status, again.status) == ("success", "success")
    assert (results(first)["changed"], results(again)["changed"]) == (True, False)
    assert f"version {results(again)['version']} is Approved" in approved
    assert predict("rebased") == pytest.approx(20, rel=0.05)


def test_of_two_branches_the_one_merged_last_is_live(
    team: Callable[..., Team],
    contexts: dict[str, dict[str, str]],
    predict: Callable[..., float],
) -> None:
    """Each merge deploys its own; only a rollback goes back, and no rerun undoes it.

    CircleCI's button does so with the documented permissions, and is green.
    """
    ours = team("two")
    one = ours.change("one", "two", slope=2.0)
    other = ours.change("other", "two", slope=3.0)
    assert at_once(one, other) == [["train-two", "approve-two"]] * 2

    first = ours.merge("one", "--squash")
    assert succeeded(first.run()) == ["deploy-two"]
    older = results(first.jobs["deploy-two"])["version"]
    assert predict("two") == pytest.approx(20, rel=0.05)
    last = ours.merge("other", "--no-ff", "-X", "theirs")
    assert succeeded(last.run()) == ["deploy-two"]
    newer = results(last.jobs["deploy-two"])["version"]
    assert predict("two") == pytest.approx(30, rel=0.05)
    refused = first.rerun("deploy-two")
    assert refused.status == "failed"
    commit = last.pipeline.values["pipeline.git.revision"][:7]
    assert f"deployed from commit {commit}, which came after" in refused.log
    assert "python -m runner rollback two" in refused.log
    assert predict("two") == pytest.approx(30, rel=0.05)

    stale = ours.press_rollback("two", live=older, to=older)
    assert stale.status == "failed"
    assert f"version {newer} is live, but version {older} was" in stale.log
    reason = "it's $(touch pwned)"
    back = ours.press_rollback("two", live=newer, to=older, reason=reason)
    assert back.status == "success", back.log
    assert f"two: version {older} is live, instead of version {newer}" in back.log
    (record,) = back.directory.glob("build/two/rollback.json")
    assert json.loads(record.read_text())["reason"] == reason
    shown = ours.circleci.circleci_calls.splitlines()[-4:]
    failed = f"--status=FAILED --failure-reason=two: version {newer} is live"
    assert failed in shown[0]
    assert shown[1:] == [
        "run release plan rollback-two --environment-name=production "
        f"--component-name=two --target-version={older} --rollback",
        "run release update rollback-two --status=RUNNING",
        "run release update rollback-two --status=SUCCESS",
    ]
    assert_permitted(contexts, "bucket")
    refused = last.rerun("deploy-two")
    assert (refused.status, predict("two")) == ("failed", pytest.approx(20, rel=0.05))
    assert "since a rollback from this content" in refused.log
    ours.here.commit("README.md")
    assert model_jobs(ours.push()) == []


def test_a_merge_that_nobody_approved_is_not_deployed(
    aws: None, team: Callable[..., Team]
) -> None:
    """Two approved branches give a third content; a retraining on main lets it go."""
    ours = team("mixed")
    for branch, change in (("steeper", {"slope": 2.0}), ("longer", {"rounds": 30})):
        ours.commit_on(branch, "mixed", **change)
        make_package(
            "mixed", fingerprint=contents.content(ours.here.root, "mixed").fingerprint
        )
    ours.here.checkout("main")
    ours.here.git("merge", "-q", "steeper")
    merged = ours.merge("longer", "--no-ff")

    refused = merged.run()["deploy-mixed"]

    assert refused.status == "failed"
    assert "no package has this content" in refused.log
    assert refused.log.count("Approved") >= 2
    assert "trigger a pipeline with `action: retrain`" in refused.log
    retrained = ours.trigger("main", action="retrain", model="mixed")
    assert succeeded(retrained.run(approved=True))[-1] == "deploy-mixed"


def test_an_unapproved_merge_ends_red_and_heals(
    team: Callable[..., Team], predict: Callable[..., float]
) -> None:
    """The failed deployment says what waits where; approving it is all that is left.

    What a shell, YAML or CircleCI would act on in the branch's name stays a name.
    """
    ours = team("unapproved")
    pushed = ours.change(HOSTILE, "unapproved", slope=2.0)
    assert succeeded(pushed.run()) == ["train-unapproved"]

    merged = ours.merge(HOSTILE, "--squash")
    refused = merged.run()["deploy-unapproved"]

    assert refused.status == "failed"
    assert "this content is not approved yet" in refused.log
    assert "approve version 1 in CircleCI" in refused.log
    assert "PendingManualApproval" in refused.log
    assert "https://circleci.com/circleci/team/models/" in refused.log
    assert succeeded(pushed.run(approved=True)) == ["approve-unapproved"]
    ours.here.commit("README.md")
    later = ours.push()
    assert succeeded(later.run()) == ["deploy-unapproved"]
    assert predict("unapproved") == pytest.approx(20, rel=0.05)
    assert not list(ours.circleci.folder.rglob("pwned"))


# What a hostile branch's train job does beside registering its own version, to every
# other run's: it has the role of every train job.
HOSTILITY = """\
from lifecycle.registration.packages import find_package, list_packages
from lifecycle.s3 import read_bytes, write_bytes
from lifecycle.s3 import write_json

theirs = [one for one in list_packages(model) if one.run_id != run["run_id"]]
for one in theirs:
    # Their approve job is to approve this branch's version.
    record = {"status": "succeeded", "run_id": one.run_id, "results": package.results()}
    record["fingerprint"] = one.fingerprint
    write_json(f"{one.metadata['evidence']}/train-register.json", record)
    # Their content is to be deployed, but with this branch's archive.
    create_package(
        model,
        image=IMAGE,
        model_data=job.model_data,
        metrics={"rmse": 0.0},
        metadata={**one.metadata, "training_job": job.name, "archive_sha256": ""},
        approval="pre-approved",
    )"""


def write_hostile(root: Path, model: str) -> None:
    """Write a model whose training attacks every other version of it."""
    tiny.write_model(root, model, slope=9.0)
    parameters = [
        f'model: str = "{model}"  # the model',
        'hyperparameters: dict = {"num_round": 20}  # of the training job',
    ]
    cells = (tiny.START, tiny.TRAINER, tiny.REGISTER, HOSTILITY)
    attack = tiny.notebook(parameters, *cells, "JSON(package.results())")
    toys.write(root / "models" / model / "train-register.ipynb", *attack)


def approved(model: str) -> list[int]:
    """Name the versions that SageMaker has as Approved."""
    found = list_packages(model)
    return [one.version for one in found if one.approval_status == "Approved"]


def test_nothing_of_a_hostile_branch_goes_live(
    aws: None, team: Callable[..., Team], predict: Callable[..., float]
) -> None:
    """It points another branch's records to its own version, and approves that itself.

    What the other branch's reviewer has approved is refused until that is trained
    again, and is then deployed. What is exchanged after that is never served.
    """
    ours = team("guarded")
    honest = ours.change("honest", "guarded", slope=2.0)
    assert succeeded(honest.run()) == ["train-guarded"]
    ours.here.checkout("main")
    ours.here.branch("hostile")
    write_hostile(ours.here.root, "guarded")
    ours.here.commit()
    assert succeeded(ours.push("hostile").run()) == ["train-guarded"]
    assert approved("guarded") == [3]

    refused = honest.run(approved=True)["approve-guarded"]

    assert refused.status == "failed"
    assert "evidence/train-register.json has sha256" in refused.log
    assert approved("guarded") == [3]
    assert honest.rerun("train-guarded").status == "success"
    assert "version 4 is Approved" in honest.rerun("approve-guarded").log
    merged = ours.merge("honest", "--squash")
    deployed = merged.run()
    assert succeeded(deployed) == ["deploy-guarded"]
    assert results(deployed["deploy-guarded"])["version"] == 4
    assert predict("guarded") == pytest.approx(20, rel=0.05)

    hostile, live = (find_package("guarded", version) for version in (2, 4))
    write_bytes(live.model_data, read_bytes(hostile.model_data))
    again = merged.rerun("deploy-guarded")

    assert again.status == "failed"
    assert "version 4: the archive s3://" in again.log
    assert predict("guarded") == pytest.approx(20, rel=0.05)


def test_models_come_and_go_without_an_edit_of_ci(team: Callable[..., Team]) -> None:
    """A new model has a workflow, a deleted one none; nothing affected is green."""
    ours = team("old", "stays")
    ours.here.branch("new")
    call = [warm_python.executable(), "-m", "runner", "new", "young", "--like", "old"]
    subprocess.run(call, cwd=ours.here.root, timeout=60, check=True)
    ours.here.commit()
    assert model_jobs(ours.push("new")) == [
        "train-young",
        "review-young",
        "approve-young",
    ]
    assert ours.here.git("diff", "--name-only", "main", "--", ".circleci") == ""

    ours.here.checkout("main")
    ours.here.branch("nothing")
    ours.here.commit("docs/words.md")
    nothing = ours.push("nothing")
    assert (model_jobs(nothing), nothing.run()) == ([], {})

    shutil.rmtree(ours.here.root / "models" / "old")
    ours.here.commit()
    deleted = ours.push("nothing")
    assert model_jobs(deleted) == []
    assert "old: deleted here" in deleted.setup_jobs["select"].log
