"""A run that failed goes on from the stage that failed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import run_uri
from lifecycle.errors import CallError
from lifecycle.s3 import write_bytes, write_json
from packages import new_name
from runner import STAGES
from runner.pipeline.earlier import resume
from runner.pipeline.plan import Plan, make_plan

RUN = "20260101000000-abcdef"
Leave = Callable[..., None]


@pytest.fixture
def planned(repo: Path, aws: EmbeddedAWS) -> Plan:
    """A run of a model that no other test has."""
    name = new_name()
    folder = repo / "models" / "toy"
    spec = (folder / "model.yaml").read_text().replace("name: toy", f"name: {name}")
    (folder / "model.yaml").write_text(spec)
    folder.rename(folder.with_name(name))
    return make_plan(repo, name, STAGES, {})


@pytest.fixture
def leave(planned: Plan) -> Leave:
    """Leave the evidence of a run: how each of its stages ended."""

    def write(run_id: str = RUN, *, fingerprint: str = "", **stages: str) -> None:
        for stage, status in stages.items():
            record = {
                "status": status,
                "fingerprint": fingerprint or planned.context["fingerprint"],
                "results": {stage: run_id} if status == "succeeded" else None,
            }
            name = stage.replace("_", "-")
            evidence = run_uri(planned.model, run_id, "evidence")
            write_json(f"{evidence}/{name}.json", record)
            write_bytes(f"{evidence}/{name}.html", run_id.encode())

    return write


def test_the_rest_of_the_run_is_left(planned: Plan, leave: Leave) -> None:
    """Under the same id, so that everything of a run stays in one place."""
    leave(prepare="succeeded", train_register="failed")
    resumed = resume(planned)

    assert [stage.name for stage in resumed.plan.stages] == [
        "train-register",
        "deploy",
    ]
    assert resumed.plan.context["run_id"] == RUN
    assert resumed.results == {"prepare": RUN}


def test_what_succeeded_is_shown_again(planned: Plan, leave: Leave) -> None:
    """But not what failed, which is about to be done anew."""
    leave(prepare="succeeded", train_register="failed")
    resumed = resume(planned)
    planned.folder.mkdir(parents=True)
    resumed.restore()

    names = {path.name for path in planned.folder.iterdir()}
    assert names == {"prepare.html", "prepare.json"}


def test_a_run_that_failed_first_begins_again(planned: Plan, leave: Leave) -> None:
    """Nothing of it can be used, but its id."""
    leave(prepare="failed")

    assert resume(planned).plan.stages == planned.stages


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no run of this content"),
        ([(RUN, {"fingerprint": "f" * 64, "prepare": "failed"})], "no run of this"),
        (
            [
                ("20250101000000-abcdef", {"prepare": "failed"}),
                (
                    RUN,
                    dict.fromkeys(["prepare", "train_register", "deploy"], "succeeded"),
                ),
            ],
            f"{RUN} of this content succeeded",
        ),
    ],
)
def test_without_a_failed_run_the_remedy_is_named(
    planned: Plan, leave: Leave, runs: list[tuple[str, dict[str, str]]], message: str
) -> None:
    """None, one of other content, or one that a later run made good."""
    for run_id, stages in runs:
        leave(run_id, **stages)

    with pytest.raises(CallError, match=f"{message}.*leave out --resume"):
        resume(planned)
