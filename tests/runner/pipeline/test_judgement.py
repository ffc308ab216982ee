"""The runner judges what a notebook registered, whatever the notebook says of it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import comparisons
import pytest
import toys
from embedded_aws import EmbeddedAWS
from embedded_aws.faults import FOREVER, Fault
from forked_kernels.client import WarmKernels
from model_packages import make_package

from lifecycle import registry
from lifecycle.aws import run_uri
from lifecycle.errors import RegistryError
from lifecycle.evaluation_output import EVALUATION_MIME
from lifecycle.registration.packages import Mode, Package, find_package, list_packages
from lifecycle.s3 import write_bytes, write_json
from runner.errors import CellError, FailedGateError, ResultsError
from runner.pipeline.judgement import PRE_APPROVED, judge_candidate, require_passed
from runner.pipeline.model_run import RunOptions, RunResult
from runner.pipeline.plan import Plan, make_plan
from runner.pipeline.run import run_model

PARAMETERS = """\
model: str = "toy"  # the model
gates: dict = {}  # bounds on metrics
run: dict = {}  # filled in by the runner"""

START = """\
from types import SimpleNamespace

from IPython.display import JSON, display

import lifecycle.registry
from lifecycle.aws import run_uri
from lifecycle.registry import create_package, register
from lifecycle.s3 import hash_object, write_bytes

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
archive = write_bytes(run_uri(model, run["run_id"], "model", "model.tar.gz"), b"1")
job = SimpleNamespace(
    name="job",
    image=IMAGE,
    model_data=archive,
    archive_sha256=hash_object(archive, remedy="").sha256,
    program="",
)
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


# Cells that register what fails its gate.
ATTACKS = {
    "registers without a gate": "package = create_it(9.0)",
    "weakens the gates that the runner gave": (
        "run['gates'] = {}\npackage = register_it(9.0)"
    ),
    "replaces the check": (
        "lifecycle.registry.require_passed = lambda *_, **options: None\n"
        "package = register_it(9.0)"
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
STAGE = ("train-register",)


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
        leave_prepared(make_plan(repo, model, STAGE, {}))
        options = RunOptions(kernels=lambda _: kernels, observer=lines)
        return run_model(repo, model, stages=STAGE, options=options)

    return call


def leave_prepared(plan: Plan) -> None:
    """Leave what an earlier run of the stage before has left."""
    results = {"test": "s3://b/t", "train": "s3://b/t", "data_sha256": "0" * 64}
    record = {
        "stage": "prepare",
        "status": "succeeded",
        "results": results,
        "fingerprint": plan.fingerprint,
    }
    write_json(run_uri(plan.model, "1", "evidence", "prepare.json"), record)


def page(repo: Path, model: str) -> str:
    """Read the review page."""
    return (repo / "build" / model / "index.html").read_text()


@pytest.mark.parametrize("name", ATTACKS)
def test_what_fails_by_the_runners_judgement_is_rejected(
    train: Train, repo: Path, model: str, lines: Lines, name: str
) -> None:
    """The run fails, its page is red, and no version is left to approve."""
    result = train(ATTACKS[name])

    said = "rmse 9 is above 2.5"
    record = json.loads((repo / "build" / model / "train-register.json").read_text())
    (package,) = list_packages(model)
    assert isinstance(result.error, FailedGateError)
    assert f"train-register.ipynb: {said}" in str(result.error)
    assert package.approval_status == "Rejected"
    assert said in package.approval_description
    assert (record["status"], record["rejected"]) == ("failed", [1])
    assert "rejected version 1, which it had registered" in lines.said
    assert "Cannot be approved: a gate failed" in page(repo, model)
    assert "had registered version 1, which is now rejected" in page(repo, model)


def test_what_a_notebook_registered_before_it_failed_is_rejected(
    train: Train, repo: Path, model: str
) -> None:
    """Nobody has seen the rest of it."""
    result = train("package = create_it(0.1)\n1 / 0")

    assert isinstance(result.error, CellError)
    assert find_package(model).approval_status == "Rejected"
    assert "ZeroDivisionError" in find_package(model).approval_description
    assert "Cannot be approved: train-register failed" in page(repo, model)


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
        "package = create_it(9.0, approval='pre-approved')", approval="pre-approved"
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
        "package = create_it(9.0, approval='pre-approved')", approval="pre-approved"
    )
    aws.clear(refusal)
    options = RunOptions(kernels=lambda _: kernels)

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
    options = RunOptions(kernels=lambda _: kernels)

    result = run_model(repo, model, stages=("deploy",), options=options)

    assert isinstance(result.error, ResultsError)
    assert "and nothing is live, where version 1 is approved" in str(result.error)
    assert "Not deployed" in page(repo, model)


RELATIVE = {"rmse": {"max": 9.0, "worse_than_live": 0.1}}


Candidate = Callable[..., Package]


@pytest.fixture
def plan(repo: Path, model: str, aws: EmbeddedAWS) -> Plan:
    """A run with a relative gate."""
    path = repo / "models" / model / "model.yaml"
    path.write_text(path.read_text().replace("{max: 2.5}", str(RELATIVE["rmse"])))
    return make_plan(repo, model, (), {})


@pytest.fixture
def candidate(plan: Plan) -> Candidate:
    """Register what the run's notebook would, or something else."""

    def register(
        metrics: Mapping[str, float] = MappingProxyType({"rmse": 2.0}),
        approval: Mode = "manual",
        **metadata: str,
    ) -> Package:
        known = {"fingerprint": plan.fingerprint, "run_id": plan.run_id}
        return registry.create_package(
            plan.model,
            image="image",
            model_data=write_bytes(
                run_uri(plan.model, plan.run_id, "model", "model.tar.gz"), b"1"
            ),
            metrics=metrics,
            metadata=known | {"training_job": "job"} | metadata,
            approval=approval,
        )

    return register


def executed(**shown: Any) -> dict[str, Any]:
    """Make an executed notebook that shows an evaluation."""
    data = {EVALUATION_MIME: {"metrics": {"rmse": 2.0}} | shown}
    return {"cells": [{"outputs": [{"data": data}]}]}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a notebook registers and returns, and what the runner says of it."""

    registers: Mapping[str, Any] = field(default_factory=dict)
    returns: Mapping[str, Any] = field(default_factory=dict)
    shows: Mapping[str, Any] = field(default_factory=lambda: {"rmse": 2.0})
    said: str


CLAIMS = {
    "measures nothing": Claim(
        registers={"metrics": {}}, shows={}, said="rmse was not measured"
    ),
    "measures no number": Claim(
        registers={"metrics": {"rmse": float("nan")}},
        shows={"rmse": None},
        said="rmse nan is not a number",
    ),
    "returns other metrics": Claim(
        returns={"metrics": {"rmse": 0.1}},
        said="rmse is 2 in the package, 0.1 in the results, 2 in the evaluation; give",
    ),
    "returns no metrics": Claim(
        returns={"metrics": "good"}, said="2 in the package, missing in the results"
    ),
    "shows other metrics": Claim(
        shows={"rmse": 0.1}, said="2 in the results, 0.1 in the evaluation"
    ),
    "approves itself": Claim(
        registers={"approval": "pre-approved"},
        said="registers version 1 as Approved, where model.yaml has `approval: manual`",
    ),
    "registers other content": Claim(
        registers={"fingerprint": "0" * 64},
        said="of content 000000000000; return what this run registered",
    ),
    "registers for another run": Claim(
        registers={"run_id": "other"}, said="which run other registered of content"
    ),
    "returns another version": Claim(
        returns={"version": 7}, said="returns version 7 with the package of version 1"
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_is_registered_is_what_was_returned_and_shown(
    plan: Plan, candidate: Candidate, name: str
) -> None:
    """By this run, of this content."""
    claim = CLAIMS[name]
    results = candidate(**claim.registers).results() | claim.returns
    notebook = executed(metrics=claim.shows)

    with pytest.raises((FailedGateError, ResultsError), match=re.escape(claim.said)):
        judge_candidate(plan, plan.stages[1], notebook, results, {})


def test_a_package_that_is_not_there_cannot_be_judged(plan: Plan) -> None:
    """It is asked for in the registry."""
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{plan.model}/1"
    results = {"package": arn, "version": 1, "metrics": {"rmse": 0.1}}

    with pytest.raises(RegistryError, match="no such package"):
        judge_candidate(plan, plan.stages[1], executed(), results, {})


PASSED = comparisons.shown(comparisons.compared(2.0, 1.9, 0.05, 0.15))
BROKEN = comparisons.shown(comparisons.compared(2.0, 1.0, 0.8, 1.2))
OPEN = comparisons.shown(comparisons.compared(2.0, 1.9, 0.05, 0.2))
LOST = comparisons.shown(comparisons.Score(reason="it is lost"))


@pytest.mark.parametrize(
    ("live", "baseline", "said"),
    [
        (PASSED, {"version": 1}, ""),
        (OPEN, {"version": 1}, ""),
        (BROKEN, {"version": 1}, "80 to 120 % worse than the live model's 1; 10 %"),
        (None, {"version": 1}, "rmse: not compared with version 1, which is live"),
        ({"metrics": {}}, {"version": 1}, "rmse: not compared with version 1"),
        (PASSED | {"comparisons": {}}, {"version": 1}, "rmse: not compared with"),
        (LOST, {"version": 1}, ""),
        (None, {}, ""),
        (None, {"reason": "AWS does not answer"}, ""),
    ],
)
def test_a_relative_gate_is_judged_if_anything_is_live(
    plan: Plan,
    candidate: Candidate,
    live: Mapping[str, Any] | None,
    baseline: Mapping[str, Any],
    said: str,
) -> None:
    """A notebook cannot leave the comparison out without a reason that is shown."""
    results = candidate().results()
    arguments = (plan.stages[1], executed(live=live), results, baseline)

    if not said:
        judge_candidate(plan, *arguments)
        return
    with pytest.raises(FailedGateError, match=said):
        judge_candidate(plan, *arguments)


@pytest.mark.parametrize(("live", "said"), [(OPEN, "11 % worse"), (LOST, "it is lost")])
def test_without_a_reviewer_an_open_gate_fails(
    plan: Plan, candidate: Candidate, live: Mapping[str, Any], said: str
) -> None:
    """In the run, and again before a deploy."""
    unseen = replace(plan, spec=plan.spec.model_copy(update={"approval": PRE_APPROVED}))
    package = candidate(approval=PRE_APPROVED)
    notebook = executed(live=live)

    with pytest.raises(FailedGateError, match=said):
        judge_candidate(unseen, plan.stages[1], notebook, package.results(), {})
    write_json(f"{package.metadata['evidence']}/train-register.ipynb", notebook)
    with pytest.raises(RegistryError, match=f"fails its gates: .*{said}"):
        require_passed(package, RELATIVE)


def test_what_is_compared_is_what_was_registered(
    plan: Plan, candidate: Candidate
) -> None:
    """Where all test rows are compared, the candidate's value is its metric."""
    other = comparisons.shown(comparisons.compared(1.5, 1.9, -0.5, -0.3), rows=50)
    results = candidate().results()

    with pytest.raises(ResultsError, match=r"1\.5 in the comparison"):
        judge_candidate(
            plan, plan.stages[1], executed(live=other, test_rows=50), results, {}
        )
    judge_candidate(
        plan, plan.stages[1], executed(live=other, test_rows=80), results, {}
    )


def test_a_relative_gate_is_judged_again_from_the_evidence(
    candidate: Candidate,
) -> None:
    """Before an approval and a deploy."""
    package = candidate()
    uri = f"{package.metadata['evidence']}/train-register.ipynb"
    require_passed(package, RELATIVE)

    write_json(uri, executed(live=OPEN))
    require_passed(package, RELATIVE)

    write_json(uri, executed(live=BROKEN))
    with pytest.raises(RegistryError, match="version 1 fails its gates: rmse 2 is 80"):
        require_passed(package, RELATIVE)

    write_json(uri, ["no notebook"])
    with pytest.raises(RegistryError, match="cannot be judged; train again"):
        require_passed(package, RELATIVE)


def test_a_gate_on_a_slice_is_judged_from_the_evidence(candidate: Candidate) -> None:
    """A package keeps the metrics of all rows only."""
    package, gates = candidate(), {"rmse by sex": {"max": 3.0}}
    uri = f"{package.metadata['evidence']}/train-register.ipynb"
    with pytest.raises(RegistryError, match="rmse by sex was not measured"):
        require_passed(package, gates)

    for value, said in ((2.0, ""), (4.0, "rmse 4 of sex F, 50 rows, is above 3")):
        metrics = {"rmse": {"value": value, "low": value - 0.5, "high": value + 0.5}}
        group = {"column": "sex", "group": "F", "rows": 50, "metrics": metrics}
        write_json(uri, executed(slices=[group]))
        if not said:
            require_passed(package, gates)
            continue
        with pytest.raises(RegistryError, match=f"fails its gates: {said}"):
            require_passed(package, gates)
