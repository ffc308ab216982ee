"""Runs of models, called as Python functions."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tiny
import toys
import warm_python
import yaml
from embedded_aws import EmbeddedAWS
from embedded_aws.faults import FOREVER, Fault
from forked_kernels.client import WarmKernels
from locks import ask, index, lock_or_skip, wheel
from model_packages import IMAGE, delete_endpoint, new_name
from repository import Repository

from lifecycle import TRAINING_STAGES
from lifecycle.aws import client, role, run_uri
from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import CallError, EndpointError, StorageError
from lifecycle.registration.packages import Package, describe
from lifecycle.s3 import list_files, read_json, write_bytes
from runner import STAGES
from runner.errors import (
    CellError,
    FileError,
    RequirementsError,
    SpecError,
    TimeLimitError,
    UnexpectedError,
)
from runner.pipeline.model_run import RunOptions, RunResult
from runner.pipeline.plan import make_plan
from runner.pipeline.run import run_model, run_models
from runner.spec import content as contents

__all__ = ["index"]

KINDS = ("ipynb", "html", "json")


@dataclass
class Listener:
    """An observer that remembers what it is told."""

    lines: list[str] = field(default_factory=list)
    cells: list[tuple[str, int, int, str]] = field(default_factory=list)
    on_cell: Callable[[str], object] = lambda _: None

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Remember a cell."""
        self.cells.append((stage, done, total, label))
        self.on_cell(label)

    def say(self, model: str, text: str) -> None:
        """Remember a line."""
        self.lines.append(text)

    def said(self, beginning: str) -> bool:
        """Return whether a line began like this."""
        return any(line.startswith(beginning) for line in self.lines)


@dataclass(frozen=True)
class Finished:
    """A run of all stages that succeeded, and what was live after it."""

    repository: Repository
    model: str
    result: RunResult
    listener: Listener
    files: frozenset[str]
    package: Package
    live: EndpointState

    @property
    def root(self) -> Path:
        """Return the clone."""
        return self.repository.root

    def copy(self, target: Path) -> Repository:
        """Copy the clone, without what runs have left in it."""
        shutil.copytree(self.root, target, ignore=shutil.ignore_patterns("build"))
        copied = copy(self.repository)
        copied.root = target
        return copied

    def record(self, stage: str) -> dict[str, object]:
        """Read the record of a stage, as S3 keeps it."""
        uri = run_uri(self.model, self.package.run_id, "evidence", f"{stage}.json")
        return read_json(uri)


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    at_aws: Callable[[], AbstractContextManager[None]],
    kernels: WarmKernels | None,
) -> Iterator[Finished]:
    """A tiny model that was trained, approved and deployed by one call."""
    name = new_name()
    repository = Repository(tmp_path_factory.mktemp("run") / "clone")
    root, listener = repository.root, Listener()
    with at_aws():
        tiny.write_shared(root)
        tiny.write_model(root, name)
        path = root / "models" / name / "model.yaml"
        spec = yaml.safe_load(path.read_text())
        data = write_bytes(run_uri(name, "raw", "rows.csv"), b"1,2\n")
        path.write_text(yaml.safe_dump(spec | {"data": data}))
        repository.commit()
        options = RunOptions(approve=True, observer=listener, kernels=lambda _: kernels)
        result = run_model(root, name, options=options)
        assert result.error is None, result.error
        files = frozenset(path.name for path in (root / "build" / name).iterdir())
        package, now = describe(result.results["package"]), read_state(name)
        yield Finished(repository, name, result, listener, files, package, now)
        delete_endpoint(name)


@pytest.fixture
def run(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> Callable[..., RunResult]:
    """Run stages of the toy model, whose notebooks do nothing."""

    def call(*stages: str, **options: object) -> RunResult:
        given = RunOptions(kernels=lambda _: kernels, **options)  # type: ignore[arg-type]
        return run_model(repo, model, stages=stages, options=given)

    return call


def break_prepare(root: Path, model: str) -> None:
    """Let the prepare notebook fail in its third cell."""
    path = root / "models" / model / "prepare.ipynb"
    path.write_text(path.read_text().replace("prefix = f", "1 / 0; prefix = f"))


def test_a_run_returns_what_its_stages_returned(finished: Finished) -> None:
    """In one dict, beside the seconds of each stage and the metrics with a gate."""
    results = finished.result.results

    assert results["package"] == finished.package.arn
    assert (results["version"], results["endpoint"]) == (1, finished.model)
    assert results["metrics"] == {"rmse": 0.1}
    assert results["changed"] is True
    assert list(finished.result.seconds) == list(STAGES)
    assert finished.result.gated == ("rmse",)


def test_a_version_is_trained_approved_and_live_after_it(finished: Finished) -> None:
    """With the fingerprint and the commit of the checkout."""
    assert finished.package.approval_status == "Approved"
    content = contents.content(finished.root, finished.model)
    assert finished.package.fingerprint == content.fingerprint
    assert finished.package.approval_description.startswith(
        "Approved automatically by a local run of all stages, as arn:"
    )
    assert finished.live.package == finished.package.arn
    assert finished.live.is_verified


def test_its_model_card_is_registered_and_approved_with_it(finished: Finished) -> None:
    """In SageMaker, with its metrics."""
    name = f"{finished.model}-1"
    shown = client("sagemaker").describe_model_card(ModelCardName=name)
    (evaluation,) = json.loads(shown["Content"])["evaluation_details"]
    (metric,) = evaluation["metric_groups"][0]["metric_data"]

    assert shown["ModelCardStatus"] == "Approved"
    assert (metric["name"], metric["value"]) == ("rmse", 0.1)


def test_a_card_that_is_refused_fails_no_run(
    finished: Finished, tmp_path: Path, aws: EmbeddedAWS
) -> None:
    """The training is paid already; the run says what is missing."""
    clone = finished.copy(tmp_path / "clone")
    refusal = aws.inject(
        Fault(kind="expired-credentials", operation="CreateModelCard", count=FOREVER)
    )
    listener = Listener()
    options = RunOptions(observer=listener)

    result = run_model(
        clone.root, finished.model, stages=TRAINING_STAGES, options=options
    )
    aws.clear(refusal)

    assert result.error is None
    assert listener.said("its model card is not registered: ")


def test_the_endpoint_records_which_checkout_it_serves(finished: Finished) -> None:
    """So that neither `select` nor a later job deploys it again."""
    serving = contents.content(finished.root, finished.model).serving_fingerprint

    assert finished.live.deployed_commit == finished.package.commit
    assert finished.live.deployment == serving


def test_each_stage_leaves_notebook_html_and_record(
    finished: Finished, aws: EmbeddedAWS
) -> None:
    """In build/ and in S3, where the package points at them; beside the page."""
    stages = {f"{stage}.{kind}" for stage in STAGES for kind in KINDS}
    review = {"index.html", "review.json", "source.json", "baseline.json"}
    review |= {"model-card.json"}
    kept = list_files(finished.package.metadata["evidence"])

    assert finished.files == stages | review
    assert finished.files <= set(kept)


def test_a_record_has_the_lineage(finished: Finished, aws: EmbeddedAWS) -> None:
    """Of every stage: content, commit and run."""
    for stage in STAGES:
        record = finished.record(stage)
        assert record["status"] == "succeeded"
        assert record["fingerprint"] == finished.package.fingerprint
        assert record["commit"] == finished.package.commit
        assert record["run_id"] == finished.package.run_id
        assert record["work"]


def test_the_observer_is_told_of_stages_and_cells(finished: Finished) -> None:
    """In the order in which they happen."""
    lines = [line.partition(" in ")[0] for line in finished.listener.lines]
    stages = [stage for stage, done, *_ in finished.listener.cells if done == 0]
    stage, done, total, label = finished.listener.cells[0]

    assert lines == [
        "prepare succeeded",
        "train-register succeeded",
        "approved version 1, implied by a local run",
        "deploy succeeded",
    ]
    assert stages == list(STAGES)
    assert (stage, done, label) == ("prepare", 0, "")
    assert total >= 3


def test_unchanged_work_is_reused(
    finished: Finished, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """What was registered is shown again, and says so at the top of the page."""
    listener = Listener()
    stages = ("prepare", "train-register")
    options = RunOptions(approve=True, observer=listener, kernels=lambda _: kernels)

    result = run_model(finished.root, finished.model, stages=stages, options=options)

    folder = finished.root / "build" / finished.model
    said = f"reused from run {finished.package.run_id}: "
    assert result.error is None
    assert result.results["package"] == finished.package.arn
    assert listener.cells == []
    assert [listener.said(f"{stage} {said}") for stage in stages] == [True, True]
    assert not listener.said("approved")
    assert "No training job was started" in (folder / "train-register.html").read_text()
    assert f"prepare was not run again: {said}" in (folder / "index.html").read_text()


@pytest.mark.parametrize(("asked", "allowed"), [(False, True), (True, False)])
def test_reuse_can_be_left_out(
    finished: Finished,
    tmp_path: Path,
    aws: EmbeddedAWS,
    kernels: WarmKernels | None,
    asked: bool,
    allowed: bool,
) -> None:
    """For one run, or in model.yaml if a notebook reads more than can be compared."""
    root = finished.copy(tmp_path / "clone").root
    path = root / "models" / finished.model / "model.yaml"
    path.write_text(f"{path.read_text()}\nreuse: {str(allowed).lower()}\n")
    listener = Listener()
    options = RunOptions(reuse=asked, observer=listener, kernels=lambda _: kernels)

    result = run_model(root, finished.model, stages=("prepare",), options=options)

    assert result.error is None
    assert listener.said("prepare succeeded")


def test_a_stage_gets_the_results_of_earlier_runs(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """Training alone takes the newest rows that were prepared of this content."""
    prepared = run("prepare")
    trained = run("train-register")

    record = json.loads((repo / "build" / model / "train-register.json").read_text())
    assert trained.error is None
    assert record["parameters"]["train"] == prepared.results["train"]
    assert trained.results["train"] == prepared.results["train"]


def test_a_missing_stage_before_it_is_named(
    run: Callable[..., RunResult], model: str
) -> None:
    """Nothing has run then, and the exit code is that of a wrong call."""
    result = run("train-register")

    assert isinstance(result.error, CallError)
    assert "add `--stage prepare`" in str(result.error)
    assert result.seconds == {}


def test_a_failed_stage_ends_the_run(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """Its notebook, HTML and record are kept, in build/ and in S3, with a page."""
    break_prepare(repo, model)
    listener = Listener()

    result = run("prepare", "train-register", observer=listener)

    folder = repo / "build" / model
    record = json.loads((folder / "prepare.json").read_text())
    page = (folder / "index.html").read_text()
    kept = list_files(run_uri(model, record["run_id"], "evidence"))
    assert isinstance(result.error, CellError)
    assert listener.said(f"failed: {repo}/models/{model}/prepare.ipynb: In [")
    assert "ZeroDivisionError" in str(result.error)
    assert (record["status"], record["error"]) == ("failed", str(result.error))
    assert result.seconds["prepare"] >= record["seconds"] > 0
    assert not (folder / "train-register.json").exists()
    assert "Cannot be approved: prepare failed" in page
    assert 'href="prepare.html#failed"' in page
    assert set(kept) == {path.name for path in folder.iterdir()}


def test_parameters_are_set_for_one_run(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """As `-p` sets them."""
    options = RunOptions(kernels=lambda _: kernels)
    parameters = {"rows": "4"}

    result = run_model(
        repo, model, stages=("prepare",), parameters=parameters, options=options
    )

    assert result.error is None
    assert result.results["rows"]["train"] == 4


def test_a_notebook_ends_at_the_time_limit(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """That of the call, instead of the usual one."""
    path = repo / "models" / model / "prepare.ipynb"
    slow = "import time; time.sleep(600); prefix = f"
    path.write_text(path.read_text().replace("prefix = f", slow))

    result = run("prepare", time_limit=1)

    assert isinstance(result.error, TimeLimitError)
    assert "took longer than 1 s" in str(result.error)


def test_evidence_that_cannot_be_uploaded_stays_on_this_machine(
    run: Callable[..., RunResult], repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """The run fails, and says where its evidence is."""
    fault = Fault(
        kind="s3-access-denied", operation="PutObject", name=model, count=FOREVER
    )
    refusal = aws.inject(fault)
    listener = Listener()

    result = run("prepare", observer=listener)

    aws.clear(refusal)
    folder = repo / "build" / model
    assert isinstance(result.error, StorageError)
    assert listener.said(f"the evidence stays in {folder} only: ")
    assert (folder / "prepare.html").is_file()
    assert (folder / "index.html").is_file()


def test_a_deploy_whose_evidence_is_lost_says_what_is_live(
    finished: Finished, tmp_path: Path, aws: EmbeddedAWS
) -> None:
    """The run fails, but nobody need fear for the endpoint."""
    clone = finished.copy(tmp_path / "clone")
    fault = Fault(kind="s3-access-denied", operation="PutObject", count=FOREVER)
    refusal = aws.inject(fault)

    result = run_model(clone.root, finished.model, stages=("deploy",))

    aws.clear(refusal)
    assert isinstance(result.error, StorageError)
    said = "; version 1 is live and verified; only its evidence is missing"
    assert str(result.error).endswith(said)


def test_the_rerun_of_an_old_deploy_runs_nothing(
    finished: Finished, tmp_path: Path, aws: EmbeddedAWS
) -> None:
    """A later commit is live, and stays."""
    clone, live = finished.copy(tmp_path / "clone"), finished.live
    tiny.write_model(clone.root, finished.model, rounds=21)
    old = clone.commit()
    live.record_deployment(live.deployment, clone.commit("README.md"))
    clone.checkout(old)
    listener = Listener()
    options = RunOptions(observer=listener)

    result = run_model(clone.root, finished.model, stages=("deploy",), options=options)

    live.record_deployment(live.deployment, live.deployed_commit)
    assert isinstance(result.error, EndpointError)
    assert "which came after this one" in str(result.error)
    assert listener.cells == []
    page = (clone.root / "build" / finished.model / "index.html").read_text()
    assert "Not deployed: the deploy was refused" in page
    assert "which came after this one" in page
    assert old in page.partition("Lineage")[2]


def test_a_deploy_without_an_approval_fails(
    finished: Finished,
    tmp_path: Path,
    aws: EmbeddedAWS,
    kernels: WarmKernels | None,
) -> None:
    """A run approves only what it is asked to approve; what is live stays."""
    root = finished.copy(tmp_path / "clone").root
    tiny.write_model(root, finished.model, rounds=21)
    options = RunOptions(kernels=lambda _: kernels)

    result = run_model(root, finished.model, stages=("deploy",), options=options)

    page = (root / "build" / finished.model / "index.html").read_text()
    assert "NotApprovedError" in str(result.error)
    assert "Version 1 stays live" in page
    assert read_state(finished.model).package == finished.package.arn


def copy_model(repo: Path, model: str) -> str:
    """Add a copy of a model under a name of its own, and return that."""
    other = new_name()
    shutil.copytree(repo / "models" / model, repo / "models" / other)
    path = repo / "models" / other / "model.yaml"
    path.write_text(path.read_text().replace(model, other))
    return other


def test_a_model_that_fails_does_not_stop_the_others(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """Results come in the order of the plans, and one page links to all models."""
    other = copy_model(repo, model)
    break_prepare(repo, model)
    plans = [make_plan(repo, name, ["prepare"], {}) for name in (model, other)]

    results = run_models(repo, plans, RunOptions(jobs=2, kernels=lambda _: kernels))

    overview = (repo / "build" / "index.html").read_text()
    assert [result.model for result in results] == [model, other]
    assert [result.error is None for result in results] == [False, True]
    assert f'href="{model}/index.html"' in overview
    assert f'href="{other}/index.html"' in overview
    assert overview.count("Nothing to approve yet") == 1


def test_a_run_goes_on_if_nobody_reads_what_it_says(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """As after `| head`; it neither fails nor waits for ever."""

    class Gone(Listener):
        def say(self, name: str, text: str) -> None:
            raise BrokenPipeError

    plan = make_plan(repo, model, ["prepare"], {})
    (result,) = run_models(
        repo, [plan], RunOptions(kernels=lambda _: kernels, observer=Gone())
    )

    record = json.loads((repo / "build" / model / "prepare.json").read_text())
    assert (result.error, record["status"]) == (None, "succeeded")


def test_what_cannot_be_said_of_a_failure_ends_no_other_model(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """Its error is in its result, even one that looks like the end of a queue."""
    other = copy_model(repo, model)
    break_prepare(repo, model)
    plans = [make_plan(repo, name, ["prepare"], {}) for name in (model, other)]

    class Broken(Listener):
        def say(self, name: str, text: str) -> None:
            if text.startswith("failed"):
                raise IndexError

    options = RunOptions(kernels=lambda _: kernels, observer=Broken())
    results = run_models(repo, plans, options)

    assert [result.error is None for result in results] == [False, True]


def test_an_unexpected_error_is_that_of_one_model(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """Its evidence is kept with the traceback, without secrets; the others run."""
    other = copy_model(repo, model)
    plans = [make_plan(repo, name, ["prepare"], {}) for name in (model, other)]

    class Breaks(Listener):
        def cell(
            self, name: str, stage: str, done: int, total: int, label: str
        ) -> None:
            if name == model and done == 2:
                raise TypeError(f"no such operand: {os.environ['TOY_TOKEN']}")

    listener = Breaks()
    options = RunOptions(jobs=1, kernels=lambda _: kernels, observer=listener)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOY_TOKEN", "correct-horse-battery")
        results = run_models(repo, plans, options)

    folder = repo / "build" / model
    record = json.loads((folder / "prepare.json").read_text())
    log = (folder / "error.log").read_text()
    cells = json.loads((folder / "prepare.ipynb").read_text())["cells"]
    assert [type(one.error) for one in results] == [UnexpectedError, type(None)]
    assert str(results[0].error) == (
        "TypeError: no such operand: [scrubbed]; the traceback is in "
        f"{folder}/error.log: report it"
    )
    assert log.startswith("Traceback (most recent call last):")
    assert "test_run.py" in log
    assert "correct-horse" not in log
    assert (record["status"], record["error"]) == (
        "failed",
        "no such operand: [scrubbed]",
    )
    assert [cell.get("execution_count") for cell in cells if "outputs" in cell][:2] == [
        1,
        2,
    ]
    assert "error.log" in list_files(run_uri(model, record["run_id"], "evidence"))
    assert "Cannot be approved: prepare failed" in (folder / "index.html").read_text()


def test_an_error_of_a_network_is_none_of_a_file(
    run: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of requests, of resolvers and of sockets are OSErrors as well."""

    def refused(_: object) -> None:
        raise OSError("proxy.example: refused")

    monkeypatch.setattr("runner.pipeline.model_run.begin", refused)

    result = run("prepare")

    assert isinstance(result.error, UnexpectedError)
    assert "OSError: proxy.example: refused; the traceback is in" in str(result.error)


def test_what_the_last_good_run_left_is_kept(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """In a folder of its own, whatever fails after it, so that no page mixes runs."""
    run("prepare")
    folder, previous = repo / "build" / model, repo / "build" / f"{model}@previous"
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    run_id = json.loads(good["prepare.json"])["run_id"]
    break_prepare(repo, model)
    listener = Listener()

    failed = run("prepare", observer=listener)
    run("prepare", time_limit=0.001)

    record = json.loads((folder / "prepare.json").read_text())
    assert failed.error is not None
    assert listener.said(f"what run {run_id} left, which succeeded, is in {previous}")
    assert {path.name: path.read_bytes() for path in previous.iterdir()} == good
    assert record["status"] == "failed"
    kept = list_files(run_uri(model, record["run_id"], "evidence"))
    assert set(kept) == {path.name for path in folder.iterdir()}


def test_a_run_is_resumed_where_it_failed(
    run: Callable[..., RunResult], repo: Path, model: str, tmp_path: Path
) -> None:
    """Under its id, once what is wrong outside of the notebook has been repaired."""
    awaited = tmp_path / "awaited.txt"
    path = repo / "notebooks" / "train-register.ipynb"
    reading = f"open({str(awaited)!r}).close(); metrics ="
    path.write_text(path.read_text().replace("metrics =", reading, 1))
    failed = run("prepare", "train-register")
    prepared = json.loads((repo / "build" / model / "prepare.json").read_text())
    awaited.touch()
    listener = Listener()

    resumed = run("prepare", "train-register", resume=True, observer=listener)

    folder = repo / "build" / model
    trained = json.loads((folder / "train-register.json").read_text())
    assert "FileNotFoundError" in str(failed.error)
    assert resumed.error is None
    assert listener.lines[0] == f"resumed run {prepared['run_id']}"
    assert {stage for stage, *_ in listener.cells} == {"train-register"}
    assert trained["run_id"] == prepared["run_id"]
    assert resumed.results["train"] == failed.results["train"]
    assert json.loads((folder / "prepare.json").read_text()) == prepared
    assert "Can be approved" in (folder / "index.html").read_text()


def test_without_a_run_to_resume_nothing_is_touched(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """The folder keeps what the last run left."""
    run("prepare")
    folder = repo / "build" / model
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    result = run("prepare", resume=True)

    assert "nothing of it is left to resume" in str(result.error)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


START_JOB = """\
client("sagemaker").create_training_job(
    TrainingJobName=f"{{base_job_name(model, run_id)}}-20260101000000",
    AlgorithmSpecification={{"TrainingImage": {image!r}, "TrainingInputMode": "File"}},
    RoleArn={role!r},
    InputDataConfig=[
        {{
            "ChannelName": "train",
            "ContentType": "text/csv",
            "DataSource": {{
                "S3DataSource": {{"S3DataType": "S3Prefix", "S3Uri": {rows!r}}}
            }},
        }}
    ],
    OutputDataConfig={{"S3OutputPath": run_uri(model, run_id, "model")}},
    ResourceConfig={{
        "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
    }},
    StoppingCondition={{"MaxRuntimeInSeconds": 600}},
    HyperParameters={{"num_round": "1"}},
)"""


def test_an_interrupted_run_keeps_its_evidence_and_stops_its_training_job(
    run: Callable[..., RunResult], repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """A job that is not waited for any more costs money."""
    rows = write_bytes(run_uri(model, "raw", "rows.csv"), b"1,2\n3,4\n")
    toys.write(
        repo / "notebooks" / "train-register.ipynb",
        toys.code('model: str = ""  # the model\nrun_id: str = ""  # it', "parameters"),
        toys.code(
            "from lifecycle.aws import client, run_uri\n"
            "from lifecycle.training import base_job_name"
        ),
        toys.code(START_JOB.format(image=IMAGE, role=role(), rows=rows)),
        toys.text("## Waiting"),
        toys.code("import time\ntime.sleep(600)"),
        toys.code("JSON({})", "results"),
    )
    aws.inject(Fault(kind="training-slow", name=f"{model}-*", seconds=600))

    def interrupt(heading: str) -> None:
        if heading == "Waiting":
            os.kill(os.getpid(), signal.SIGINT)

    listener = Listener(on_cell=interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("prepare", "train-register", observer=listener)

    folder = repo / "build" / model
    record = json.loads((folder / "train-register.json").read_text())
    job = f"{model}-{record['run_id']}-20260101000000"
    found = client("sagemaker").describe_training_job(TrainingJobName=job)
    kept = list_files(run_uri(model, record["run_id"], "evidence"))
    assert record["status"] == "stopped"
    assert listener.lines[-1] == f"stopped the training job {job}"
    assert found["TrainingJobStatus"] in ("Stopping", "Stopped")
    assert "the run was stopped" in (folder / "index.html").read_text()
    assert set(kept) == {path.name for path in folder.iterdir()}


def test_sigterm_ends_a_flood_within_seconds(
    repo: Path, model: str, aws: EmbeddedAWS, tmp_path: Path
) -> None:
    """What was printed until then is kept, and nothing of it is waited for."""
    begun = tmp_path / "begun"
    path = repo / "models" / model / "prepare.ipynb"
    flood = f"open({str(begun)!r}, 'w').close()\\nwhile True: print('x' * 1000)\\n"
    path.write_text(path.read_text().replace("prefix = f", f"{flood}prefix = f"))
    python = warm_python.executable()
    command = [python, "-m", "runner", "run", model, "--stage", "prepare"]
    with subprocess.Popen([*command, "--cold"], cwd=repo) as process:
        try:
            deadline = time.monotonic() + 60
            while not begun.exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            sent = time.monotonic()
            process.terminate()
            assert process.wait(60) == 128 + signal.SIGTERM
        finally:
            process.kill()

    # Five seconds on a machine that has nothing else to do.
    assert time.monotonic() - sent < 20
    record = json.loads((repo / "build" / model / "prepare.json").read_text())
    notebook = json.loads((repo / "build" / model / "prepare.ipynb").read_text())
    outputs = [one for cell in notebook["cells"] for one in cell.get("outputs", [])]
    assert record["status"] == "stopped"
    assert "told to stop" in record["error"]
    assert outputs[-1]["ename"] == "StoppedError"


def test_what_does_not_end_is_not_waited_for(
    run: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An S3 that does not answer, for instance; the run says so."""
    monkeypatch.setattr("runner.pipeline.run.STOP_SECONDS", 0.1)
    answer = threading.Event()

    class Hangs(Listener):
        def say(self, name: str, text: str) -> None:
            super().say(name, text)
            if text.startswith("prepare succeeded"):
                os.kill(os.getpid(), signal.SIGINT)
                answer.wait(60)

    listener = Hangs()
    with pytest.raises(KeyboardInterrupt):
        run("prepare", observer=listener)

    assert listener.lines[-1] == "ended with evidence missing"
    answer.set()
    for thread in threading.enumerate():
        if thread.name == "run":
            thread.join(30)


def test_a_folder_that_cannot_be_written_fails_the_run(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """The error names the file; the run does not end in a traceback."""
    (repo / "build").mkdir()
    (repo / "build" / model).touch()

    result = run("prepare")

    assert isinstance(result.error, FileError)
    assert f"build/{model}" in str(result.error)


@pytest.mark.parametrize(
    ("stages", "parameters", "kind"),
    [
        ((), {"lerning_rate": "1"}, CallError),
        (("prepair",), {}, CallError),
        ((), {"hyperparameters.eta": "7"}, CallError),
    ],
)
def test_a_wrong_call_starts_nothing(
    repo: Path, stages: Sequence[str], parameters: dict[str, str], kind: type[Exception]
) -> None:
    """It raises, instead of returning an error."""
    with pytest.raises(kind):
        run_model(repo, "toy", stages=stages, parameters=parameters)

    assert not (repo / "build").exists()


def test_a_wrong_model_yaml_starts_nothing(repo: Path) -> None:
    """It raises an error with the file and the key."""
    path = repo / "models" / "toy" / "model.yaml"
    path.write_text(path.read_text().replace("task:", "taks:"))

    with pytest.raises(SpecError, match=r"models/toy/model\.yaml: taks: unknown key"):
        run_model(repo, "toy")

    assert not (repo / "build").exists()


@pytest.fixture
def held(repo: Path, model: str) -> Iterator[Callable[[], None]]:
    """The lock of the model, held by another run until this is called."""
    path = repo / "build" / f".{model}.lock"
    path.parent.mkdir()
    path.write_text("run r1, process 7, since noon")
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(file, fcntl.LOCK_UN)


def test_a_run_waits_for_another_one_of_its_model_in_its_clone(
    run: Callable[..., RunResult], repo: Path, model: str, held: Callable[[], None]
) -> None:
    """It says for which one, and what both leave does not mix."""

    class Releases(Listener):
        def say(self, name: str, text: str) -> None:
            super().say(name, text)
            if len(self.lines) == 1:
                assert not (repo / "build" / model).exists()
                held()

    listener = Releases()
    result = run("prepare", observer=listener)

    assert result.error is None
    assert listener.lines[0] == (
        "waits for the end of run r1, process 7, since noon, in this clone"
    )
    assert (repo / "build" / model / "index.html").is_file()
    assert (repo / "build" / f".{model}.lock").read_text() == ""


@pytest.mark.usefixtures("held")
def test_a_run_waits_no_longer_than_it_may_take_itself(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """Then it is a wrong call, which has started nothing."""
    result = run("prepare", time_limit=0.3)

    assert isinstance(result.error, CallError)
    assert (
        "run r1, process 7, since noon, is still running in this clone after 0.3 s"
        in (str(result.error))
    )
    assert not (repo / "build" / model).exists()


@pytest.mark.usefixtures("held")
def test_a_run_that_waits_can_be_stopped(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """As one that runs."""

    class Interrupts(Listener):
        def say(self, model: str, text: str) -> None:
            super().say(model, text)
            if len(self.lines) == 1:
                os.kill(os.getpid(), signal.SIGINT)

    listener = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        run("prepare", observer=listener)

    assert "failed: told to stop, while it waited for run r1" in listener.lines[-1]
    assert not (repo / "build" / model).exists()


def test_a_lock_ends_with_the_process_that_holds_it(
    run: Callable[..., RunResult], repo: Path, model: str
) -> None:
    """However that ended; what it wrote into the file stays."""
    path = repo / "build" / f".{model}.lock"
    path.parent.mkdir()
    hold = f"import fcntl; file = open({str(path)!r}, 'w'); fcntl.flock(file, 2)"
    code = f"{hold}; print(1, flush=True); import time; time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        waiting = run("prepare", time_limit=0.3)
        holder.kill()

    path.write_text("a run that was killed")
    assert "another run, is still running" in str(waiting.error)
    assert run("prepare").error is None


def test_a_build_that_is_no_folder_is_one_line(
    run: Callable[..., RunResult], repo: Path
) -> None:
    """The error names it."""
    (repo / "build").touch()

    result = run("prepare")

    assert isinstance(result.error, FileError)
    assert f"{repo}/build" in str(result.error)


def test_the_environment_that_a_run_makes_is_said(
    run: Callable[..., RunResult], repo: Path, model: str, index: Path
) -> None:
    """Before uv begins, which may take minutes or, as here, find nothing."""
    wheel(index, "grid", "1.0")
    ask(repo, model, [], ["grid"])
    (repo / "requirements.txt").touch()
    lock_or_skip(repo, model)
    next(index.iterdir()).unlink()
    listener = Listener()

    result = run("prepare", observer=listener)

    assert listener.lines[0] == f"makes the environment of {model}: 1 package"
    assert isinstance(result.error, RequirementsError)
