"""A stage that a team adds: its name and its notebook are enough."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import clones
import pytest
import tiny
import toys
from embedded_aws import EmbeddedAWS

pytestmark = pytest.mark.slow

STAGES = ("prepare", "train-register", "check", "deploy")
PARAMETERS = """\
model: str  # the model
version: int  # what was registered
train: str = ""  # the training rows"""
GOOD = "assert version == 1 and train"


@pytest.fixture(scope="module")
def rows_aws() -> Iterator[EmbeddedAWS]:
    """An embedded AWS on which nothing has been trained yet."""
    with clones.start_aws() as embedded:
        yield embedded


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a stage between training and deployment, added as documented."""
    root = tmp_path_factory.mktemp("added-stage") / "clone"
    clones.copy_checkout(root, *clones.TEMPLATE)
    shutil.rmtree(root / "notebooks")
    tiny.write_shared(root)
    tiny.write_model(root, "size")
    names = root / "lifecycle" / "__init__.py"
    before = names.read_text(encoding="utf-8")
    after = before.replace('"train-register")', '"train-register", "check")')
    assert before != after
    names.write_text(after, encoding="utf-8")
    write_check(root, GOOD)
    return root


def write_check(root: Path, code: str) -> None:
    """Write the notebook of the stage that was added."""
    toys.write(
        root / "notebooks" / "check.ipynb",
        toys.code(PARAMETERS, "parameters"),
        toys.code(f"from IPython.display import JSON\n\n{code}"),
        toys.code('JSON({"checked": version})', "results"),
    )


def test_an_approval_binds_the_notebook_of_an_added_stage(
    clone: Path, rows_aws: EmbeddedAWS
) -> None:
    """Its evidence is approved with the rest, and a change of it stops the deploy."""
    ended = clones.run(clone, rows_aws, "runner", "run", "size", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    outcome = json.loads(ended.stdout)[0]
    folder = clone / "build" / "size"
    bound = sorted(
        f"{stage}.{kind}" for stage in STAGES[:3] for kind in ("html", "ipynb", "json")
    )
    files = {name: (folder / name).read_bytes() for name in bound}
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in bound]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    package = clones.connect(rows_aws, "sagemaker").describe_model_package(
        ModelPackageName=outcome["results"]["package"]
    )

    assert tuple(outcome["seconds"]) == STAGES
    assert outcome["results"]["checked"] == 1
    assert package["ApprovalDescription"].endswith(f"evidence {digest}")

    prefix = package["CustomerMetadataProperties"]["evidence"]
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    s3 = clones.connect(rows_aws, "s3")
    s3.put_object(Bucket=bucket, Key=f"{key}/check.ipynb", Body=b"exchanged")
    deploy = ("size", "--stage", "deploy", "--no-reuse")
    refused = clones.run(clone, rows_aws, "runner", "run", *deploy)

    assert refused.returncode == 1
    assert "evidence" in refused.stdout


def test_what_an_added_stage_finds_wrong_is_never_approved(
    clone: Path, rows_aws: EmbeddedAWS
) -> None:
    """The version that was registered before it failed is rejected."""
    write_check(clone, "assert version == 0")

    ended = clones.run(clone, rows_aws, "runner", "run", "size", "--json")
    failed = json.loads(ended.stdout)[0]
    package = clones.connect(rows_aws, "sagemaker").describe_model_package(
        ModelPackageName=failed["results"]["package"]
    )

    assert ended.returncode == 1
    assert package["ModelApprovalStatus"] == "Rejected"


def test_an_added_stage_alone_continues_what_ran_before_it(
    clone: Path, rows_aws: EmbeddedAWS
) -> None:
    """It is given what the earlier stages of this content returned, of one run."""
    write_check(clone, GOOD)

    ended = clones.run(clone, rows_aws, "runner", "run", "size", "--stage", "check")

    assert ended.returncode == 0, ended.stdout + ended.stderr
