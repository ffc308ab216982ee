"""What is registered already is shown, not trained again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from packages import make_package, new_name

from runner.cli.plan import Plan, plan
from runner.cli.reuse import find_reusable, show
from runner.embedded.process import EmbeddedAWS
from runner.package import Package, describe
from runner.session import client, run_uri
from runner.spec import STAGES
from runner.storage import write_bytes, write_json

DATA = {"data_sha256": "d" * 64}
Registered = Callable[..., Package]


@pytest.fixture
def planned(repo: Path, aws: EmbeddedAWS) -> Plan:
    """A run of a model that no other test has."""
    name = new_name()
    folder = repo / "models" / "toy"
    spec = (folder / "model.yaml").read_text().replace("name: toy", f"name: {name}")
    (folder / "model.yaml").write_text(spec)
    folder.rename(folder.with_name(name))
    made = plan(repo, name, STAGES, {})
    made.folder.mkdir(parents=True)
    return made


@pytest.fixture
def registered(planned: Plan) -> Registered:
    """Register a package of the same content and data, with its run's evidence."""

    def register(*, status: str = "succeeded", **metadata: str) -> Package:
        known = {"fingerprint": planned.context["fingerprint"], **DATA}
        package = make_package(planned.model, **known | metadata)
        prefix = run_uri(planned.model, package.run_id, "evidence")
        cells = [nbformat.v4.new_code_cell("1 + 1\n2 + 2")]
        notebook = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
        write_bytes(f"{prefix}/train-register.ipynb", notebook.encode())
        record: dict[str, Any] = {
            "model": planned.model,
            "stage": "train-register",
            "status": status,
            "run_id": package.run_id,
            "notebook": "notebooks/train-register.ipynb",
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 1.0,
            "parameters": {},
            "results": {"package": package.arn, "approval_status": "of then"},
        }
        write_json(f"{prefix}/train-register.json", record)
        return package

    return register


def test_a_package_of_the_same_content_and_data_is_reused(
    planned: Plan, registered: Registered
) -> None:
    """Its results are those of its own run, with the status that it has now."""
    package = registered()
    found = find_reusable(planned, DATA)

    assert found is not None
    assert found.package == package
    assert found.results["approval_status"] == package.approval_status


@pytest.mark.parametrize(
    "other",
    [{"fingerprint": "f" * 64}, {"data_sha256": "e" * 64}, {"status": "failed"}],
)
def test_anything_else_is_trained(
    planned: Plan, registered: Registered, other: dict[str, str]
) -> None:
    """Other content, other rows, or evidence of a failure."""
    registered(**other)

    assert find_reusable(planned, DATA) is None


def test_a_rejected_package_is_not_reused(
    planned: Plan, registered: Registered
) -> None:
    """Somebody looked at it and said no."""
    package = registered()
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus="Rejected"
    )

    assert find_reusable(planned, DATA) is None


def test_a_package_without_its_notebook_is_not_reused(
    planned: Plan, registered: Registered
) -> None:
    """There would be nothing to show to who approves it."""
    uri = run_uri(planned.model, registered().run_id, "evidence/train-register.ipynb")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client("s3").delete_object(Bucket=bucket, Key=key)

    assert find_reusable(planned, DATA) is None


def test_what_waits_for_a_person_is_not_reused_where_none_is_asked(
    planned: Plan, registered: Registered
) -> None:
    """Reusing never approves; a model that needs no approval is trained again."""
    package = registered()
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus="PendingManualApproval"
    )
    spec = planned.spec.model_copy(update={"approval": "pre-approved"})

    found = find_reusable(replace(planned, spec=spec), DATA)

    assert found is None
    assert describe(package.arn).approval_status == "PendingManualApproval"


def test_its_evidence_says_at_the_top_that_it_was_reused(
    planned: Plan, registered: Registered
) -> None:
    """So that nobody takes an old notebook for a new one."""
    package = registered()
    found = find_reusable(planned, DATA)
    assert found is not None
    show(planned, found)

    notebook = nbformat.read(planned.folder / "train-register.ipynb", as_version=4)
    record = json.loads((planned.folder / "train-register.json").read_text())
    assert "No training job was started" in notebook.cells[0].source
    assert f"version {package.version}" in record["reused"]
    assert (
        "No training job was started"
        in (planned.folder / "train-register.html").read_text()
    )
