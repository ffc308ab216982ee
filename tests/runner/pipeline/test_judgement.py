"""The runner judges what a notebook registered, whatever the notebook says of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import toys
from embedded_aws import EmbeddedAWS
from embedded_aws.faults import FOREVER, Fault
from forked_kernels.client import WarmKernels

from lifecycle import registry
from lifecycle.errors import LifecycleError
from lifecycle.gates import EVALUATION_MIME
from lifecycle.registry import Package, find_package, list_packages
from lifecycle.s3 import write_json
from packages import ENDPOINT, delete_endpoint, make_package, serve
from runner.errors import CellError, FailedGateError, ResultsError
from runner.pipeline.judgement import judge_candidate, require_passed
from runner.pipeline.plan import Plan, make_plan
from runner.pipeline.run import RunOptions, RunResult, run_model

PARAMETERS = """\
model: str = "toy"  # the model
gates: dict = {}  # bounds on metrics
run: dict = {}  # filled in by the runner"""

START = """\
from types import SimpleNamespace

from IPython.display import JSON, display

import lifecycle.registry
from lifecycle.registry import create_package, register

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
job = SimpleNamespace(name="job", image=IMAGE, model_data="s3://bucket/model.tar.gz")
metadata = {
    "fingerprint": run["fingerprint"],
    "run_id": run["run_id"],
    "training_job": "job",
}


def register_it(rmse):
    metrics, golden = {"rmse": rmse}, ([[0.0]], [0.0])
    return register(model, run, job, metrics=metrics, golden=golden)


def create_it(rmse, **options):
    return create_package(
        model,
        image=IMAGE,
        model_data=job.model_data,
        metrics={"rmse": rmse},
        metadata=metadata | options.pop("metadata", {}),
        **options,
    )"""

SHOW = "display({%r: {'metrics': {'rmse': %s}}}, raw=True)\n"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A cell that registers what fails its gate, and what the runner says of it."""

    cell: str
    returns: str = "package.results()"
    error: type[LifecycleError] = FailedGateError
    said: str = "rmse 9 is above 2.5"


ATTACKS = {
    "registers without a gate": Attack(cell="package = create_it(9.0)"),
    "weakens the gates that the runner gave": Attack(
        cell="run['gates'] = {}\npackage = register_it(9.0)"
    ),
    "replaces the check": Attack(
        cell="lifecycle.registry.require_passed = list\npackage = register_it(9.0)"
    ),
    "evaluates other gates": Attack(
        cell="run = run | {'gates': {'rmse': {'max': 99}}}\npackage = register_it(9.0)"
    ),
    "measures nothing": Attack(
        cell="package = create_it(9.0)\n"
        "package = create_package(model, image=IMAGE, model_data='s3://b/m', "
        "metrics={}, metadata=metadata | {'training_job': 'other'})",
        said="rmse was not measured",
    ),
    "measures no number": Attack(
        cell="package = create_it(float('nan'))",
        said="rmse nan is no number",
    ),
    "returns other metrics than it registers": Attack(
        cell="package = create_it(9.0)",
        returns="package.results() | {'metrics': {'rmse': 0.1}}",
        error=ResultsError,
        said="rmse is 9 in the package, 0.1 in the results; give the measured value",
    ),
    "returns another version": Attack(
        cell="package = create_it(0.1)",
        returns="package.results() | {'version': 7}",
        error=ResultsError,
        said="returns version 7 with the package of version 1",
    ),
    "shows other metrics than it registers": Attack(
        cell=SHOW % (EVALUATION_MIME, 0.1) + "package = create_it(2.0)",
        error=ResultsError,
        said="rmse is 2 in the package, 2 in the results, 0.1 in the evaluation",
    ),
    "approves itself": Attack(
        cell="package = create_it(0.1, approval_status='Approved')",
        error=ResultsError,
        said="registers version 1 as Approved, where model.yaml has `approval: manual`",
    ),
    "registers other content": Attack(
        cell="package = create_it(0.1, metadata={'fingerprint': '0' * 64})",
        error=ResultsError,
        said="of content 000000000000; return what this run registered",
    ),
    "fails after it registered": Attack(
        cell="package = create_it(0.1)\n1 / 0",
        error=CellError,
        said="ZeroDivisionError",
    ),
}


@dataclass
class Lines:
    """An observer that remembers what is said."""

    said: list[str] = field(default_factory=list)

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Forget a cell."""

    def say(self, model: str, text: str) -> None:
        """Remember a line."""
        self.said.append(text)


Train = Callable[..., RunResult]


@pytest.fixture
def lines() -> Lines:
    """What the run says."""
    return Lines()


@pytest.fixture
def train(
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    kernels: WarmKernels | None,
    lines: Lines,
) -> Train:
    """Run a training whose notebook registers by a given cell."""

    def call(cell: str, returns: str = "package.results()", **spec: str) -> RunResult:
        toys.write(
            repo / "notebooks" / "train-register.ipynb",
            toys.code(PARAMETERS, "parameters"),
            toys.code(START),
            toys.code(cell),
            toys.code(f"JSON({returns})", "results"),
        )
        path = repo / "models" / model / "model.yaml"
        more = "".join(f"{key}: {value}\n" for key, value in spec.items())
        path.write_text(path.read_text() + more)
        options = RunOptions(kernels=kernels, observer=lines)
        stages = ("prepare", "train-register")
        return run_model(repo, model, stages=stages, options=options)

    return call


def page(repo: Path, model: str) -> str:
    """Read the review page."""
    return (repo / "build" / model / "index.html").read_text()


@pytest.mark.parametrize("name", ATTACKS)
def test_what_fails_by_the_runners_judgement_is_rejected(
    train: Train, repo: Path, model: str, lines: Lines, name: str
) -> None:
    """The run fails, its page is red, and no version is left to approve."""
    attack = ATTACKS[name]

    result = train(attack.cell, attack.returns)

    record = json.loads((repo / "build" / model / "train-register.json").read_text())
    packages = list(list_packages(model))
    assert isinstance(result.error, attack.error)
    assert attack.said in str(result.error)
    assert "train-register.ipynb: " in str(result.error)
    assert {one.approval_status for one in packages} == {"Rejected"}
    assert attack.said in packages[0].approval_description
    assert record["status"] == "failed"
    assert record["rejected"] == [one.version for one in packages]
    assert f"rejected version {packages[0].version}, which it had registered" in (
        lines.said
    )
    assert "Cannot be approved" in page(repo, model)
    assert "which the notebook registered all the same, is rejected" in page(
        repo, model
    )


def test_a_notebook_that_keeps_to_its_gates_succeeds(
    train: Train, repo: Path, model: str
) -> None:
    """What it registers waits for approval."""
    result = train("package = register_it(2.0)")

    assert result.error is None
    assert find_package(model).approval_status == "PendingManualApproval"
    assert "Can be approved" in page(repo, model)


def test_a_failed_gate_registers_nothing(train: Train, repo: Path, model: str) -> None:
    """`register` evaluates the gates of model.yaml itself, relative to nothing else."""
    result = train("package = register_it(9.0)", approval="pre-approved")

    assert "GateError: failed: rmse 9 is above 2.5" in str(result.error)
    assert list(list_packages(model)) == []
    assert "No version was registered." in page(repo, model)


def test_a_pre_approved_model_is_judged_as_well(
    train: Train, repo: Path, model: str
) -> None:
    """Nobody looks at it before it is deployed."""
    result = train(
        "package = create_it(9.0, approval_status='Approved')", approval="pre-approved"
    )

    assert isinstance(result.error, FailedGateError)
    assert find_package(model).approval_status == "Rejected"


def test_what_cannot_be_rejected_is_neither_approved_nor_deployed(
    train: Train,
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    lines: Lines,
    kernels: WarmKernels | None,
) -> None:
    """Its role may lack the permission; approve and deploy judge again."""
    refusal = aws.inject(
        Fault(kind="expired-credentials", operation="UpdateModelPackage", count=FOREVER)
    )
    result = train(
        "package = create_it(9.0, approval_status='Approved')", approval="pre-approved"
    )
    aws.clear(refusal)
    options = RunOptions(kernels=kernels)

    deployed = run_model(repo, model, stages=("deploy",), options=options)

    assert isinstance(result.error, FailedGateError)
    assert any("could not be rejected" in line for line in lines.said)
    assert find_package(model).approval_status == "Approved"
    assert "version 1 fails its gates: rmse 9 is above 2.5" in str(deployed.error)
    assert not (repo / "build" / model / "deploy.json").exists()


def test_a_deploy_notebook_deploys_what_was_judged(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """One that returns without doing so fails; there is nothing live."""
    content = make_plan(repo, model, ("deploy",), {}).fingerprint
    make_package(model, fingerprint=content)
    options = RunOptions(kernels=kernels)

    result = run_model(repo, model, stages=("deploy",), options=options)

    assert isinstance(result.error, ResultsError)
    assert "and nothing is live, where version 1 is approved" in str(result.error)
    assert "Not deployed" in page(repo, model)


RELATIVE = {"rmse": {"max": 9.0, "worse_than_live": 0.1}}


@pytest.fixture
def candidate(repo: Path, model: str, aws: EmbeddedAWS) -> tuple[Plan, Package]:
    """A plan with a relative gate, and what its run registered."""
    path = repo / "models" / model / "model.yaml"
    path.write_text(path.read_text().replace("{max: 2.5}", str(RELATIVE["rmse"])))
    plan = make_plan(repo, model, (), {})
    metadata = {
        "fingerprint": plan.fingerprint,
        "run_id": plan.run_id,
        "training_job": "job",
    }
    package = registry.create_package(
        model,
        image="image",
        model_data="s3://b/m",
        metrics={"rmse": 2.0},
        metadata=metadata,
    )
    return plan, package


def executed(**shown: Any) -> dict[str, Any]:
    """Make an executed notebook that shows an evaluation."""
    data = {EVALUATION_MIME: {"metrics": {"rmse": 2.0}, **shown}}
    return {"cells": [{"outputs": [{"data": data}]}]}


@pytest.mark.parametrize(
    ("live", "baseline", "said"),
    [
        ({"metrics": {"rmse": 1.9}}, {"version": 1}, ""),
        ({"metrics": {"rmse": 1.0}}, {"version": 1}, "the live model's 1 and 10 %"),
        (None, {"version": 1}, "rmse: not compared with version 1, which is live"),
        ({"metrics": {}}, {"version": 1}, "rmse: not compared with version 1"),
        ({"metrics": {}, "reason": "it is lost"}, {"version": 1}, ""),
        (None, {}, ""),
        (None, {"reason": "AWS does not answer"}, ""),
    ],
)
def test_a_relative_gate_is_judged_if_anything_is_live(
    candidate: tuple[Plan, Package],
    live: Mapping[str, Any] | None,
    baseline: Mapping[str, Any],
    said: str,
) -> None:
    """A notebook cannot leave the comparison out without a reason that is shown."""
    plan, package = candidate
    arguments = (plan.stages[1], executed(live=live), package.results(), baseline)

    if not said:
        judge_candidate(plan, *arguments)
        return
    with pytest.raises(FailedGateError, match=said):
        judge_candidate(plan, *arguments)


def test_a_relative_gate_is_judged_again_from_the_evidence(
    candidate: tuple[Plan, Package],
) -> None:
    """Before an approval and a deploy."""
    _, package = candidate
    uri = f"{package.metadata['evidence']}/train-register.ipynb"
    require_passed(package, RELATIVE)

    write_json(uri, executed(live={"metrics": {"rmse": 1.0}}))
    with pytest.raises(LifecycleError, match="version 1 fails its gates: rmse 2 is ab"):
        require_passed(package, RELATIVE)

    write_json(uri, ["no notebook"])
    with pytest.raises(LifecycleError, match="cannot be judged; train again"):
        require_passed(package, RELATIVE)


def test_the_live_version_stays_when_another_is_refused(
    repo: Path, model: str, aws: EmbeddedAWS, kernels: WarmKernels | None
) -> None:
    """A package that passed, and was approved, is what a deploy takes."""
    serve(make_package(model, fingerprint="1" * 64), endpoint=ENDPOINT)
    plan = make_plan(repo, model, ("deploy",), {})
    bad = make_package(model, fingerprint=plan.fingerprint)
    path = repo / "models" / model / "model.yaml"
    path.write_text(path.read_text().replace("max: 2.5", "max: 0.4"))
    content = make_plan(repo, model, ("deploy",), {}).fingerprint
    worse = make_package(model, fingerprint=content)

    result = run_model(
        repo, model, stages=("deploy",), options=RunOptions(kernels=kernels)
    )

    page_text = page(repo, model)
    delete_endpoint(model)
    assert bad.version < worse.version
    assert f"version {worse.version} fails its gates: rmse 0.5" in str(result.error)
    assert page_text
