"""A model's status: what is registered, what is live, and what is missing between."""

import time
from dataclasses import replace

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import ENDPOINT, ignore, interrupt, make_package, once, serve

from lifecycle.approval import approve
from lifecycle.aws import add_tags, client
from lifecycle.deploy import roll_back
from lifecycle.endpoint import CHANGING, DAMAGED, wait_until_settled
from lifecycle.errors import EndpointError
from lifecycle.next_step import Step, next_step
from lifecycle.registration.packages import find_package
from lifecycle.serving.endpoint_config import ensure_config
from lifecycle.status import ModelStatus, Version, read_status

CONTENT, OTHER = "a" * 64, "b" * 64
LIVE = Version(version=1, status="InService", fingerprint=OTHER)
MINE = Version(version=2, status="InService", fingerprint=CONTENT)
DELETING = Version(version=1, status="Deleting", fingerprint=OTHER)
GONE = "is Rejected"


WAIT = (
    "wait, then python -m runner status toy; if no command is waiting for it any more"
)
AGAIN = "run the command that began it again: it waits and then verifies"
CHANGED = "the endpoint has changed since a deploy verified it: deploy again, which"


def package(status: str = "Approved", fingerprint: str = CONTENT) -> Version:
    """Return version 2, as registered."""
    return Version(version=2, status=status, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ModelStatus(), "nothing is registered: train it"),
        (ModelStatus(newest=package("Deleting")), "version 2 is Deleting: train again"),
        (
            ModelStatus(newest=replace(package("Rejected"), rejected="Ada: slow")),
            "version 2 is Rejected: change what is wrong with it, and train again",
        ),
        (
            ModelStatus(newest=package(fingerprint=OTHER)),
            "the newest, version 2, has other content: train it",
        ),
        (
            ModelStatus(newest=package(fingerprint=OTHER), live=LIVE),
            (
                "live version 1 has other content; the newest, version 2, has too: "
                "train it"
            ),
        ),
        (
            ModelStatus(newest=package("PendingManualApproval"), live=LIVE),
            "live version 1 has other content; version 2 waits for approval",
        ),
        (
            ModelStatus(
                newest=replace(
                    package("PendingManualApproval"), compared="rmse: better"
                )
            ),
            "version 2 waits for approval (rmse: better)",
        ),
        (
            ModelStatus(newest=replace(package(), failed="rmse 3 is above 2")),
            "version 2 fails its gates, rmse 3 is above 2: train a better one",
        ),
        (
            ModelStatus(
                newest=package(), live=LIVE, attempted=3, reason="of version 3"
            ),
            "live version 1 has other content; version 2 is approved: deploy it",
        ),
        (
            ModelStatus(newest=package(), live=LIVE, attempted=2),
            (
                "live version 1 has other content; version 2 is approved, but its last "
                "deploy did not make it live: build/toy/index.html says why, in "
                "CircleCI among the artifacts of the deploy job"
            ),
        ),
        (
            ModelStatus(
                newest=package("Rejected"), live=LIVE, rolled_back_from=CONTENT
            ),
            "rolled back to version 1: fix this content and merge",
        ),
        (
            ModelStatus(newest=package(), live=LIVE, rolled_back_from=CONTENT),
            (
                "rolled back to version 1: fix this content and merge, or go forward "
                "again: python -m runner rollback toy --to 2"
            ),
        ),
        (
            ModelStatus(newest=package(), live=Version(status="Updating")),
            f"the endpoint is Updating: {WAIT}, {AGAIN}",
        ),
        (
            ModelStatus(newest=package(), live=Version(status="Updating"), pending=2),
            f"the endpoint is Updating to version 2: {WAIT}, {AGAIN}",
        ),
        (
            ModelStatus(live=Version(status="Updating"), pending=1, rollback_to=1),
            (
                f"the endpoint is Updating, a rollback to version 1 was begun: {WAIT}, "
                "python -m runner rollback toy --to 1"
            ),
        ),
        (
            ModelStatus(
                newest=package(), live=Version(status="Failed"), reason="No ping."
            ),
            "the endpoint is Failed: No ping.; deploy again, which replaces it",
        ),
        (
            ModelStatus(live=Version(status="Failed"), reason="No ping."),
            "the endpoint is Failed: No ping.; nothing is registered: train it",
        ),
        (
            ModelStatus(newest=package("PendingManualApproval"), live=DELETING),
            "the endpoint is Deleting; version 2 waits for approval",
        ),
        (
            ModelStatus(
                newest=package(),
                live=replace(LIVE, status="UpdateRollbackFailed"),
                verified_version=1,
                reason="No ping.",
            ),
            (
                "the endpoint is UpdateRollbackFailed: No ping.; put back version 1, "
                "which was verified, with python -m runner rollback toy --to 1, or "
                "deploy again"
            ),
        ),
        (
            ModelStatus(newest=package(), live=replace(LIVE, fingerprint=CONTENT)),
            ("version 2 of this content is approved, and version 1 is live: deploy it"),
        ),
        (
            ModelStatus(
                newest=package("Rejected"),
                live=replace(MINE, problem=GONE),
                way_back=1,
            ),
            (
                "version 2 is live, and is Rejected: go back to a version that is "
                "approved, or train again"
            ),
        ),
        (
            ModelStatus(
                newest=package(), live=MINE, deleted="endpoint config toy-v2-0"
            ),
            (
                "the endpoint config toy-v2-0 was deleted, the endpoint serves on "
                "without it: deploy again, which makes it again"
            ),
        ),
        (
            ModelStatus(
                newest=package(), live=MINE, drift=("a is 1",), refusal="give b"
            ),
            (
                "the endpoint differs from model.yaml, a is 1; version 2 is approved, "
                "and cannot be deployed: give b"
            ),
        ),
        (
            ModelStatus(newest=package(), live=MINE, drift=("a is 1, not 2",)),
            "the endpoint differs from model.yaml, a is 1, not 2: deploy again, which "
            "changes it",
        ),
        (
            ModelStatus(
                newest=replace(package(), since="2026-02"),
                live=replace(LIVE, since="2026-01"),
                rolled_back_from=CONTENT,
            ),
            "live version 1 has other content; version 2 is approved: deploy it",
        ),
        (
            ModelStatus(newest=package(), live=Version(status="InService")),
            "what is live was not deployed from here; version 2 is approved: deploy it",
        ),
        (
            ModelStatus(live=replace(LIVE, fingerprint=CONTENT), rollback_to=4),
            (
                "a rollback to version 4 was begun and has not ended: python -m runner "
                "rollback toy --to 4 goes on with it, python -m runner rollback toy "
                "--to 1 stays"
            ),
        ),
    ],
)
def test_the_nearest_reason_is_given_with_what_to_do(status, expected):
    """One sentence names the one step that comes next."""
    assert next_step("toy", CONTENT, status).why == expected


TRAIN = "run toy --stage prepare --stage train-register"
DEPLOY, APPROVE = "run toy --stage deploy", "approve toy --version 2"
CANDIDATES = {
    "none": Version(),
    "other content": package(fingerprint=OTHER),
    "pending": package("PendingManualApproval"),
    "rejected": package("Rejected"),
    "approved": package(),
    "approved by hand": replace(package(), problem=f"...; python -m runner {APPROVE}"),
    "changed": replace(package(), problem="was changed; train again"),
    "fails its gates": replace(package(), failed="rmse 3 is above 2"),
}
# What brings a candidate nearer to the endpoint, and to what.
NEXT = {
    "none": TRAIN,
    "other content": TRAIN,
    "pending": APPROVE,
    "rejected": TRAIN,
    "approved": DEPLOY,
    "approved by hand": APPROVE,
    "changed": TRAIN,
    "fails its gates": TRAIN,
}
LIVES = {
    "nothing": ModelStatus(),
    "foreign": ModelStatus(live=Version(status="InService"), verified=False),
    "other content": ModelStatus(live=LIVE),
    "this content": ModelStatus(live=MINE),
    "this content, unverified": ModelStatus(live=MINE, verified=False),
    "this content, drifted": ModelStatus(live=MINE, drift=("instance_type",)),
    "this content, config deleted": ModelStatus(
        live=MINE, deleted="endpoint config toy-v2-0"
    ),
    "this content, rejected": ModelStatus(live=replace(MINE, problem="is Rejected")),
    "rolled back": ModelStatus(live=LIVE, rolled_back_from=CONTENT),
    "rollback begun": ModelStatus(live=MINE, rollback_to=1),
    "deploy failed": ModelStatus(live=LIVE, attempted=2, reason="No ping."),
    **{
        status: ModelStatus(live=replace(LIVE, status=status), verified_version=1)
        for status in (*sorted(CHANGING), *sorted(DAMAGED), "Failed")
    },
}


@pytest.mark.parametrize("live", LIVES)
@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize("is_refused", [False, True])
def test_the_next_step_is_right_in_every_state(
    candidate: str, live: str, is_refused: bool
) -> None:
    """A command is named only where it leads on, and there is one in every state.

    Deploying needs a version that may be deployed, approving one that waits for it.
    """
    refusal = "SageMaker takes none; give others" if is_refused else ""
    known = {"newest": CANDIDATES[candidate], "refusal": refusal, "way_back": 1}
    status = replace(LIVES[live], **known)
    step = next_step("toy", CONTENT, status)

    if live == "this content":
        # What is live was approved, and only a newer version could change that.
        assert step == Step()
        return
    assert step.why
    assert step.commands or live == "rolled back" or is_refused
    verbs = {command.split()[0] for command in step.commands}
    deploys = DEPLOY in step.commands
    assert not deploys or (candidate == "approved" and not is_refused)
    if candidate == "approved" and is_refused:
        # What to change is said; no command of the runner's could do it.
        return
    assert APPROVE not in step.commands or candidate in ("pending", "approved by hand")
    if live in ("nothing", "foreign", "other content", "Failed", "Deleting"):
        assert step.commands[0] == NEXT[candidate]
    elif live == "deploy failed":
        assert NEXT[candidate] in step.commands
    elif live in CHANGING:
        assert step.commands[0] == "status toy"
    elif live in DAMAGED:
        assert step.commands[0] == "rollback toy --to 1"
    elif live == "rollback begun":
        assert step.commands == ("rollback toy --to 1", "rollback toy --to 2")
    elif live == "rolled back":
        assert step.commands == (
            ("rollback toy --to 2",) if candidate == "approved" else ()
        )
    elif live == "this content, unverified":
        assert "rollback" in verbs
    elif candidate == "approved":
        assert step.commands[0] == DEPLOY


def why(model: str) -> str:
    """Say why the endpoint of a model does not serve the content."""
    return next_step(model, CONTENT, read_status(model, CONTENT)).why


def test_each_step_from_training_to_serving_is_told(model):
    """Trained, approved, deployed: the next step is the reason, until none is left."""
    assert read_status(model, CONTENT) == ModelStatus()
    assert why(model) == "nothing is registered: train it"

    made = make_package(model, fingerprint=CONTENT, approved=False)
    assert why(model) == "version 1 waits for approval"

    made = approve(model, arn=made.arn)
    assert why(model) == "version 1 is approved: deploy it"

    serve(made)
    assert why(model) == ""
    status = read_status(model, CONTENT)
    assert status.verified
    assert (status.newest.version, status.newest.status) == (1, "Approved")
    assert status.live.status == "InService"
    for version in (status.newest, status.live):
        assert version.version == 1
        assert version.fingerprint == CONTENT
        assert (version.commit, version.run_id) == (made.commit, made.run_id)
        assert version.since.startswith("20")
        assert version.approved.startswith("Approved by arn:")
        assert version.approved.endswith(f" UTC, digest {made.digest[:12]}")
        assert version.digest == made.digest


def test_a_version_that_is_approved_as_it_may_not_be_is_told(model):
    """With what to do; one that may be deployed comes first."""
    make_package(model, approved=False, mode="pre-approved", fingerprint=CONTENT)
    expected = "version 1 is Approved, but cannot be deployed: it was registered as pre"
    assert why(model).startswith(expected)
    assert read_status(model, CONTENT, "pre-approved").newest.problem == ""

    make_package(model, fingerprint=CONTENT)
    make_package(model, approved=False, mode="pre-approved", fingerprint=CONTENT)
    assert why(model) == "version 2 is approved: deploy it"


def test_the_newest_package_is_that_of_the_content(model):
    """A newer one of other content is shown only if there is none of this content."""
    make_package(model, fingerprint=OTHER)
    assert read_status(model, CONTENT).newest.version == 1

    make_package(model, fingerprint=CONTENT)
    make_package(model, fingerprint=OTHER)

    assert read_status(model, CONTENT).newest.version == 2
    assert read_status(model, "c" * 64).newest.version == 3


def test_a_rollback_is_told_from_other_content(model):
    """Its message names the two ways out of it."""
    serve(make_package(model, fingerprint=OTHER))
    assert why(model) == "live version 1 has other content: train it"

    serve(make_package(model, fingerprint=CONTENT))
    assert why(model) == ""

    roll_back(model, wait_seconds=60, on_progress=ignore)
    assert why(model) == (
        "rolled back to version 1: fix this content and merge, or go forward again: "
        f"python -m runner rollback {model} --to 2"
    )


def test_a_version_whose_deploy_failed_is_told(aws: EmbeddedAWS, model):
    """What is live stays, since when too, and SageMaker's reason is given."""
    serve(make_package(model, fingerprint=OTHER))
    since = read_status(model, CONTENT).live.since
    make_package(model, fingerprint=CONTENT)
    approved = "live version 1 has other content; version 2 is approved"
    assert why(model) == f"{approved}: deploy it"

    aws.inject(Fault(kind="ping-failure", name=model))
    with pytest.raises(EndpointError):
        serve(find_package(model, 2))

    failed = f"{approved}, but its last deploy did not make it live: The primary cont"
    assert why(model).startswith(failed)
    assert read_status(model, CONTENT).live.since == since

    serve(find_package(model, 2))
    assert why(model) == ""


@pytest.mark.parametrize("is_live", [False, True])
def test_the_reason_of_a_failed_deploy_is_remembered(aws: EmbeddedAWS, model, is_live):
    """SageMaker forgets it, with the endpoint or with the update that puts it back."""
    if is_live:
        serve(make_package(model, fingerprint=OTHER))
    made = make_package(model, fingerprint=CONTENT)
    kind = "wrong-predictions" if is_live else "ping-failure"
    aws.inject(Fault(kind=kind, name=model))
    with pytest.raises(EndpointError):
        serve(made)

    said = "predicts 1.0" if is_live else "The primary container for production variant"
    live = "live version 1 has other content; " if is_live else ""
    start = f"{live}version {made.version} is approved, but its last deploy did not"
    assert why(model).startswith(f"{start} make it live: ")
    assert said in why(model)

    serve(made)
    assert why(model) == ""


def test_a_failed_endpoint_is_told_with_its_reason(aws: EmbeddedAWS, model):
    """And what comes next."""
    made = make_package(model, fingerprint=CONTENT)
    aws.inject(Fault(kind="ping-failure", name=model))
    aws.inject(Fault(kind="throttling", operation="DeleteEndpoint", count=-1))
    with pytest.raises(EndpointError):
        serve(made)

    assert why(model).startswith("the endpoint is Failed: The primary container")
    assert why(model).endswith("; deploy again, which replaces it")


def test_a_rollback_that_was_interrupted_is_told(model):
    """The content is live, but not for long if the same command is run again."""
    serve(make_package(model, fingerprint=OTHER))
    serve(make_package(model, fingerprint=CONTENT))

    with (
        once("before-call.sagemaker.UpdateEndpoint", interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        roll_back(model, wait_seconds=60, on_progress=ignore)

    assert why(model).startswith("a rollback to version 1 was begun and has not ended")


def test_an_update_that_was_undone_leaves_the_model_in_sync(aws: EmbeddedAWS, model):
    """The endpoint has changed since the deploy, but serves what it served."""
    serve(make_package(model, fingerprint=CONTENT))
    aws.inject(Fault(kind="ping-failure", name=model))
    with pytest.raises(EndpointError):
        serve(make_package(model, fingerprint=OTHER, factor=2.0))

    assert why(model) == ""


def test_tags_of_another_tool_are_not_an_error(model):
    """What the endpoint serves is unknown then."""
    state = serve(make_package(model, fingerprint=OTHER))
    foreign = {"version": "v2.1", "since": "yesterday", "attempted": "main"}
    foreign |= {"package": "theirs, not ours"}
    add_tags(state.arn, foreign)
    add_tags(state.config_arn, foreign)

    status = read_status(model, CONTENT)

    assert (status.live.version, status.live.status) == (0, "InService")
    assert status.live.since.startswith("20")
    assert status.attempted == 0


def test_an_update_that_no_deploy_has_verified_is_told(aws: EmbeddedAWS, model):
    """While it goes on, and after it, until a deploy verifies what it has left."""
    serve(make_package(model, fingerprint=CONTENT))
    other = make_package(model, fingerprint=CONTENT, factor=2.0)
    slow = aws.inject(Fault(kind="endpoint-slow", name=model, seconds=60))
    client("sagemaker").update_endpoint(
        EndpointName=model, EndpointConfigName=ensure_config(other, ENDPOINT)
    )
    assert why(model).startswith("the endpoint is Updating to version 2: wait, then")

    aws.clear(slow)
    wait_until_settled(model, time.monotonic() + 30, ignore)
    assert read_status(model, CONTENT).live.version == 2
    assert why(model).startswith(CHANGED)
    assert why(model).endswith(f"python -m runner rollback {model}")

    serve(other)
    assert why(model) == ""


def test_a_package_of_this_content_is_judged_by_its_gates(model):
    """Whoever approved it; one of other content had other gates."""
    make_package(model, fingerprint=CONTENT)
    gates = {"rmse": {"max": 0.4}}

    assert (
        read_status(model, CONTENT, gates=gates).newest.failed
        == "rmse 0.5 is above 0.4"
    )
    assert read_status(model, CONTENT, gates={"rmse": {"max": 0.5}}).newest.failed == ""
    assert read_status(model, OTHER, gates=gates).newest.failed == ""
