"""A deploy or a rollback ends with the version asked for, or with what was live."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from botocore.model import OperationModel
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import (
    ENDPOINT,
    ROWS,
    ignore,
    interrupt,
    make_package,
    once,
    serve,
    settings_of,
    when_updating,
)

from lifecycle.aws import client, read_tags
from lifecycle.delivery.update import verification_report
from lifecycle.deploy import roll_back
from lifecycle.endpoint import EndpointState, read_state, wait_until_settled
from lifecycle.errors import (
    EndpointError,
    NotApprovedError,
    RegistryError,
    StorageError,
)
from lifecycle.invocation import invoke
from lifecycle.registration.packages import Package, find_package
from lifecycle.s3 import parse_uri
from lifecycle.serving.endpoint_config import (
    config_name,
    deployment_config,
    ensure_config,
)

LARGER = ENDPOINT | {"instance_count": 2}


def predictions(model: str) -> list[float]:
    """Round what an endpoint predicts, to tell one model from another."""
    return [round(value, 1) for value in invoke(model, ROWS)]


@contextmanager
def calls_of(last: str) -> Iterator[list[str]]:
    """Note the names of the calls of AWS up to the last one of interest."""
    calls: list[str] = []

    def note(model: OperationModel, **_: object) -> None:
        if last not in calls:
            calls.append(model.name)

    services = ("application-autoscaling", "resourcegroupstaggingapi", "s3")
    clients = [client(one) for one in ("sagemaker", "sagemaker-runtime", *services)]
    for one in clients:
        one.meta.events.register("before-call", note)
    yield calls
    for one in clients:
        one.meta.events.unregister("before-call", note)


def live(model: str) -> EndpointState:
    """Read the state of an endpoint that exists."""
    state = read_state(model)
    assert state is not None
    return state


def test_the_first_deploy_creates_the_endpoint(model):
    """The state that it returns is the one that AWS has."""
    package = make_package(model)

    after = serve(package)

    assert after == read_state(model)
    assert after.package == package.arn
    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]


def test_a_second_version_updates_the_endpoint_in_place(model):
    """The name stays, and the former config is kept to roll back to."""
    first = serve(make_package(model))
    second = serve(make_package(model, factor=2.0))

    assert second == read_state(model)
    assert second.version == 2
    assert second.arn == first.arn
    assert second.previous_config == first.config
    assert predictions(model) == [0.0, 2.0, 4.0, 6.0]
    client("sagemaker").describe_endpoint_config(EndpointConfigName=first.config)
    client("sagemaker").describe_model(ModelName=first.config)


def test_a_deploy_and_a_rollback_ask_for_each_thing_once_before_they_change_it(model):
    """A rollback asks for the endpoint again after it has recorded what it begins."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)

    with calls_of("UpdateEndpoint") as deploy:
        serve(second)
    with calls_of("UpdateEndpoint") as rollback:
        roll_back(model, wait_seconds=60, on_progress=ignore)

    asked = ("DescribeModelPackage", "DescribeModel", "DescribeScalableTargets")
    assert [deploy.count(one) for one in asked] == [1, 1, 1]
    # The models of the live config and of the retained one.
    assert [rollback.count(one) for one in asked] == [1, 2, 1]
    asked = ("DescribeEndpoint", "DescribeEndpointConfig", "ListTags")
    assert [deploy.count(one) for one in asked] == [1, 1, 2]
    assert [rollback.count(one) for one in asked] == [2, 3, 5]
    assert len(deploy) <= 15
    assert len(rollback) <= 22


def test_deploying_a_live_version_changes_nothing(model):
    """The deploy says that it is live, after verifying it once more."""
    package = make_package(model)
    first = serve(package)
    reported: list[str] = []

    assert serve(package, on_progress=reported.append) == first
    assert reported == ["version 1 is live already"]


def test_a_live_version_that_predicts_something_else_is_reported(
    aws: EmbeddedAWS, model
):
    """A deploy of what is live verifies it, and leaves it where it is."""
    package = make_package(model)
    first = serve(package)
    aws.inject(Fault(kind="wrong-predictions", name=model))
    client("sagemaker").update_endpoint(
        EndpointName=model, EndpointConfigName=first.config
    )
    wait_until_settled(model, time.monotonic() + 30, ignore)

    with pytest.raises(EndpointError, match="for golden row 0, where"):
        serve(package)

    assert live(model).serves(first.config)


def test_other_settings_are_a_change(model):
    """The same package on more instances is deployed again."""
    package = make_package(model)
    first = serve(package)

    after = serve(package, endpoint=LARGER)

    assert after.version == first.version
    assert after.config != first.config


def test_an_update_takes_the_canary_along(model, alarm):
    """It reaches UpdateEndpoint, and the config is the same as without it."""
    package = make_package(model)
    canary = {"percent": 20, "wait_seconds": 1, "alarms": [alarm]}
    serve(package)

    after = serve(package, endpoint=LARGER | {"canary": canary})

    assert after.config == config_name(package, LARGER)
    described = client("sagemaker").describe_endpoint(EndpointName=model)
    expected = deployment_config(canary)["DeploymentConfig"]
    assert described["LastDeploymentConfig"] == expected


def test_an_endpoint_is_tagged_with_the_version_that_was_verified(model):
    """One query of tags tells which content is live everywhere."""
    serve(make_package(model))
    after = serve(make_package(model, fingerprint="e" * 64))

    tags = read_tags(after.arn)

    assert tags["owner"] == model
    assert tags["version"] == "2"
    assert tags["fingerprint"] == "e" * 64


def test_a_version_that_does_not_start_leaves_the_old_one(aws: EmbeddedAWS, model):
    """The error has SageMaker's reason, the likely cause, the log and what is live."""
    first = serve(make_package(model))
    aws.inject(Fault(kind="ping-failure", name=model))

    with pytest.raises(EndpointError) as raised:
        serve(make_package(model, factor=2.0))

    text = str(raised.value)
    assert "version 2 did not go live" in text
    assert "ping health check" in text
    assert f"live now: version 1 ({first.config}, InService), verified" in text
    assert "likely cause: the container did not load" in text
    assert "last log lines of the container:" in text
    assert "a fault on demand: no ping" in text
    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]
    assert read_tags(first.arn)["version"] == "1"


def test_a_silent_rollback_is_not_a_success(aws: EmbeddedAWS, model):
    """An endpoint that is in service with the old config failed to update."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="silent-rollback", name=model))

    with pytest.raises(EndpointError) as raised:
        serve(second)

    text = str(raised.value)
    assert "version 2 did not go live; it was rolled back, and SageMaker gives" in text
    assert "live now: version 1" in text
    assert "likely cause: a person or a policy stopped the update" in text
    assert serve(second).version == 2


def test_a_first_version_that_does_not_start_is_deleted(aws: EmbeddedAWS, model):
    """The same command works once the fault is gone."""
    package = make_package(model)
    aws.inject(Fault(kind="ping-failure", name=model))

    with pytest.raises(EndpointError, match="live now: nothing"):
        serve(package)

    assert read_state(model) is None
    assert serve(package).version == 1


def test_the_reason_is_said_even_if_the_clean_up_fails(aws: EmbeddedAWS, model):
    """Why the first version did not start comes first; what is left over is a line."""
    package = make_package(model)
    aws.inject(Fault(kind="ping-failure", name=model))
    busy = Fault(kind="throttling", operation="DeleteEndpoint", name=model, count=-1)
    refusal = aws.inject(busy)

    with pytest.raises(EndpointError) as raised:
        serve(package)

    text = str(raised.value)
    assert text.startswith(f"{model}: version 1 did not go live; The primary container")
    assert "likely cause: the container did not load" in text
    assert "a fault on demand: no ping" in text
    last = text.splitlines()[-1]
    assert last.startswith("  the endpoint that failed could not be deleted: AWS refus")
    assert last.endswith("; the next deploy deletes it")
    assert live(model).status == "Failed"

    aws.clear(refusal)
    assert serve(package).version == 1


def test_wrong_predictions_are_said_even_if_the_clean_up_fails(aws: EmbeddedAWS, model):
    """The error says what still answers requests, too."""
    package = make_package(model)
    aws.inject(Fault(kind="wrong-predictions", name=model))
    aws.inject(
        Fault(kind="throttling", operation="DeleteEndpoint", name=model, count=-1)
    )

    with pytest.raises(EndpointError) as raised:
        serve(package)

    text = str(raised.value)
    assert "for golden row 0, where" in text
    assert "nothing was live before it, but the endpoint could not be deleted: " in text
    assert not live(model).is_verified


def test_wrong_predictions_are_said_even_if_nothing_can_be_put_back(
    aws: EmbeddedAWS, model
):
    """AWS may stop answering at any step of the way back."""
    first = serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    def stop_answering(line: str) -> None:
        if line == f"endpoint {model}: putting {first.config} back":
            aws.inject(Fault(kind="throttling", operation="DescribeEndpoint", count=-1))

    with pytest.raises(EndpointError) as raised:
        serve(second, on_progress=stop_answering)

    text = str(raised.value)
    assert "for golden row 0, where" in text
    assert f"{first.config} could not be put back: AWS refuses DescribeEndpoint" in text


def test_an_endpoint_that_failed_before_is_replaced(aws: EmbeddedAWS, model):
    """A failed creation blocks every update, so it is deleted."""
    package = make_package(model)
    aws.inject(Fault(kind="ping-failure", name=model))
    client("sagemaker").create_endpoint(
        EndpointName=model, EndpointConfigName=ensure_config(package, ENDPOINT)
    )
    reported: list[str] = []

    after = serve(package, on_progress=reported.append)

    assert after.serves(config_name(package, ENDPOINT))
    assert f"endpoint {model}: Failed, deleting it" in reported


def test_wrong_predictions_restore_the_old_version(aws: EmbeddedAWS, model):
    """A version that starts but predicts something else does not stay."""
    first = serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    expected = r"golden row 0(.|\n)*put back, live now: version 1.*, verified"
    with pytest.raises(EndpointError, match=expected):
        serve(second)

    assert live(model).serves(first.config)
    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]
    assert read_tags(first.arn)["version"] == "1"
    assert serve(second).version == 2


def test_what_is_restored_is_verified_too(aws: EmbeddedAWS, model):
    """The error says so if it predicts something else as well."""
    serve(make_package(model))
    aws.inject(Fault(kind="wrong-predictions", name=model, count=2))

    with pytest.raises(EndpointError, match=r"cannot be verified: .*golden row 0"):
        serve(make_package(model, factor=2.0))


def test_a_restoration_that_fails_is_reported(aws: EmbeddedAWS, model):
    """The error names the config that should be live, and what is."""
    first = serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    def break_the_next_update(line: str) -> None:
        if line == f"endpoint {model}: putting {first.config} back":
            aws.inject(Fault(kind="ping-failure", name=model))

    expected = f"{first.config} could not be put back, live now: version 2"
    with pytest.raises(EndpointError, match=expected):
        serve(second, on_progress=break_the_next_update)

    assert not live(model).is_verified


def test_a_first_version_with_wrong_predictions_does_not_stay(aws: EmbeddedAWS, model):
    """Nothing was live before it, so nothing is served."""
    package = make_package(model)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    with pytest.raises(EndpointError, match="nothing was live before it"):
        serve(package)

    assert read_state(model) is None


def test_an_archive_that_is_not_the_trained_model_is_never_served(model):
    """It is checked before the endpoint changes."""
    first = serve(make_package(model))

    with pytest.raises(EndpointError, match=r"model\.tar\.gz: predicts .* golden row"):
        serve(make_package(model, factor=2.0, golden_factor=3.0))

    now = live(model)
    assert (now.config, now.modified) == (first.config, first.modified)
    assert now.attempted_version == 2


def test_a_lost_response_to_an_update_changes_nothing(aws: EmbeddedAWS, model):
    """The call that botocore repeats finds its own update under way."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    on_progress = when_updating(aws, model, lambda: None)
    aws.inject(Fault(kind="response-lost", operation="UpdateEndpoint", name=model))

    assert serve(second, on_progress=on_progress).version == 2
    assert live(model).is_verified


def test_a_lost_response_to_a_creation_changes_nothing(aws: EmbeddedAWS, model):
    """The first deploy finds what it created itself."""
    package = make_package(model)
    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        aws.inject(Fault(kind="response-lost", operation=operation, name=model))

    assert serve(package).version == 1
    assert live(model).is_verified


def leave_unverified(package: Package) -> None:
    """Leave a version as a deploy does that is killed while the endpoint updates."""
    client("sagemaker").update_endpoint(
        EndpointName=package.model, EndpointConfigName=ensure_config(package, ENDPOINT)
    )
    wait_until_settled(package.model, time.monotonic() + 30, ignore)


def test_an_interrupted_deploy_is_verified_by_the_next(model):
    """A version that is live already may never have been verified."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    leave_unverified(second)
    assert not live(model).is_verified
    assert read_tags(live(model).arn)["version"] == "1"
    reported: list[str] = []

    after = serve(second, on_progress=reported.append)

    assert after.version == 2
    assert after == read_state(model)
    assert "version 2 is live already, and verified now" in reported
    assert read_tags(after.arn)["version"] == "2"


def test_an_interrupted_deploy_of_a_bad_version_is_undone_by_the_next(
    aws: EmbeddedAWS, model
):
    """The version that was verified last is restored."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="wrong-predictions", name=model))
    leave_unverified(second)

    with pytest.raises(EndpointError, match="put back, live now: version 1"):
        serve(second)

    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]


def test_lost_golden_records_stop_a_deploy_before_it_changes_anything(model):
    """A version that cannot be verified is not served."""
    serve(make_package(model))
    second = make_package(model)
    place = parse_uri(second.metadata["golden"])
    client("s3").delete_object(Bucket=place.bucket, Key=place.key)

    with pytest.raises(StorageError, match=r"golden\.json: not there"):
        serve(second)

    assert live(model).version == 1


def test_a_package_without_golden_records_can_be_deployed(model):
    """Another tool may have registered it; the deploy says that it is unverified."""
    reported: list[str] = []

    serve(make_package(model, golden=""), on_progress=reported.append)

    assert "version 1 has no golden rows to be verified by" in reported
    assert verification_report(read_state(model)).endswith(
        ", with no golden rows to be verified by"
    )
    assert verification_report(None) == "nothing"


def test_an_unapproved_package_is_not_deployed(model):
    """The deploy asks itself, whatever the notebook has looked for."""
    with pytest.raises(NotApprovedError, match="is PendingManualApproval, so it is no"):
        serve(make_package(model, approved=False))

    assert read_state(model) is None


def test_two_deploys_at_once_leave_one_verified(model):
    """The later one waits for its turn, and neither undoes the other."""
    packages = [make_package(model), make_package(model, factor=2.0)]
    ended: list[int] = []
    failed: list[str] = []

    def run(package: Package) -> None:
        try:
            ended.append(serve(package).version)
        except EndpointError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=run, args=(package,)) for package in packages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    now = live(model)
    assert now.version in ended
    assert predictions(model)[1] == float(now.version)
    assert all("another deploy came" in text for text in failed)


def test_a_version_that_was_replaced_meanwhile_is_not_restored(model):
    """The predictions that did not match were those of another deploy's version."""
    first, second = make_package(model), make_package(model, factor=2.0)
    serve(first)

    with (
        once("before-call.sagemaker-runtime.InvokeEndpoint", lambda: serve(first)),
        pytest.raises(EndpointError, match=r"golden row 0.* another deploy came, now"),
    ):
        serve(second)

    assert live(model).version == 1
    assert live(model).is_verified


def test_an_update_that_another_deploy_has_replaced_is_a_failure(model):
    """What the other deploy has verified is left alone."""
    first, second = make_package(model), make_package(model, factor=2.0)
    third = make_package(model, factor=3.0)
    serve(first)

    expected = r"another deploy came after it(.|\n)*live now: version 3 .*, verified"
    with (
        once("after-call.sagemaker.UpdateEndpoint", lambda: serve(third)),
        pytest.raises(EndpointError, match=expected),
    ):
        serve(second)

    assert live(model).version == 3
    assert live(model).is_verified


def test_an_endpoint_that_is_deleted_meanwhile_is_a_failure(model):
    """The error says that nothing is live."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)

    def delete() -> None:
        wait_until_settled(model, time.monotonic() + 30, ignore)
        client("sagemaker").delete_endpoint(EndpointName=model)

    expected = r"the endpoint was deleted meanwhile(.|\n)*live now: nothing"
    with (
        once("after-call.sagemaker.UpdateEndpoint", delete),
        pytest.raises(EndpointError, match=expected),
    ):
        serve(second)


def test_an_update_that_began_at_the_same_moment_is_waited_for(aws: EmbeddedAWS, model):
    """SageMaker refuses the second of two updates, which is then made again."""
    serve(make_package(model))
    config = ensure_config(make_package(model, factor=2.0), ENDPOINT)
    third = make_package(model, factor=3.0)

    on_progress = when_updating(aws, model, lambda: None)

    def update() -> None:
        client("sagemaker").update_endpoint(
            EndpointName=model, EndpointConfigName=config
        )

    with once("before-call.sagemaker.UpdateEndpoint", update):
        assert serve(third, on_progress=on_progress).version == 3

    assert live(model).is_verified


def test_a_deploy_waits_for_another_update(aws: EmbeddedAWS, model):
    """It then makes its own, within its time limit."""
    serve(make_package(model))
    config = ensure_config(make_package(model, factor=2.0), ENDPOINT)
    third = make_package(model, factor=3.0)
    told: list[bool] = []
    on_progress = when_updating(aws, model, lambda: told.append(True))
    client("sagemaker").update_endpoint(EndpointName=model, EndpointConfigName=config)

    after = serve(third, on_progress=on_progress)

    assert after.version == 3
    assert told[0]


def test_a_deploy_ends_at_its_time_limit(aws: EmbeddedAWS, model):
    """A later deploy goes on with the endpoint that was stuck."""
    package = make_package(model)
    stuck = aws.inject(Fault(kind="endpoint-stuck", name=model))

    with pytest.raises(EndpointError, match="still Creating at the time limit"):
        serve(package, wait_seconds=0.5)

    aws.clear(stuck)
    assert serve(package).version == 1


def serve_versions(model: str, count: int) -> list[EndpointState]:
    """Deploy versions 1, 2, ... whose contents and predictions differ."""
    return [
        serve(make_package(model, factor=number, fingerprint=str(number) * 64))
        for number in range(1, count + 1)
    ]


def back(model: str, to: int | None = None) -> EndpointState:
    """Roll back with the settings that most tests share."""
    return roll_back(model, to=to, wait_seconds=60, on_progress=ignore)


def test_a_rollback_restores_what_was_live_before(model):
    """Two rollbacks are two versions back, and leave the same content behind."""
    serve_versions(model, 3)

    after = back(model)
    assert after == read_state(model)
    assert (after.version, after.rolled_back_from) == (2, "3" * 64)
    assert read_tags(after.arn)["version"] == "2"

    after = back(model)
    assert after == read_state(model)
    assert (after.version, after.rolled_back_from) == (1, "3" * 64)
    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]

    with pytest.raises(EndpointError, match="no earlier endpoint config is kept"):
        back(model)


def test_a_deploy_ends_a_rollback(model):
    """Any version that is deployed may be replaced by any content again."""
    serve_versions(model, 2)
    back(model)

    serve(make_package(model, factor=4.0))

    assert live(model).rolled_back_from == ""


def test_without_another_version_there_is_no_way_back(model):
    """The error says how to go forward."""
    serve_versions(model, 1)
    make_package(model, approved=False)

    with pytest.raises(EndpointError, match=r"no other version is approved.*forward"):
        back(model)


def test_a_rollback_follows_the_order_of_deploys(model):
    """It need not be that of the versions."""
    serve_versions(model, 2)
    serve(find_package(model, 1))

    after = back(model)

    assert (after.version, after.rolled_back_from) == (2, "1" * 64)


def test_a_rollback_may_name_the_version(model):
    """It is served with the settings of then, and a later one may be named too."""
    serve(make_package(model, fingerprint="1" * 64), endpoint=LARGER)
    serve_versions(model, 2)

    after = back(model, to=1)
    assert (after.version, after.rolled_back_from) == (1, "2" * 64)
    assert settings_of(model, after.config) == LARGER

    after = back(model, to=3)
    assert (after.version, after.rolled_back_from) == (3, "")
    assert settings_of(model, after.config) == ENDPOINT


def test_a_version_that_was_never_live_can_be_named(model):
    """It is served with the settings of the live version, without any model.yaml."""
    serve(make_package(model), endpoint=LARGER)
    make_package(model, factor=4.0)

    after = back(model, to=2)

    assert after.version == 2
    assert settings_of(model, after.config) == LARGER


def test_a_rollback_to_the_live_version_changes_nothing(model):
    """The state stays as it was."""
    (before,) = serve_versions(model, 1)

    assert back(model, to=1) == before == read_state(model)


def interrupt_rollback(
    aws: EmbeddedAWS, model: str, to: int | None = None
) -> EndpointState:
    """Interrupt a rollback while the endpoint updates, and wait until it has."""
    interrupted = when_updating(aws, model, interrupt)
    with pytest.raises(KeyboardInterrupt):
        roll_back(model, to=to, wait_seconds=60, on_progress=interrupted)
    now = wait_until_settled(model, time.monotonic() + 30, ignore)
    assert now is not None
    return now


def test_an_interrupted_rollback_goes_on_in_the_same_direction(aws: EmbeddedAWS, model):
    """It does not return to the version that was verified last."""
    serve_versions(model, 3)

    now = interrupt_rollback(aws, model)
    assert (now.version, now.rollback_target) == (2, now.config)
    assert not now.is_verified

    after = back(model)
    assert (after.version, after.rolled_back_from) == (2, "3" * 64)
    assert after.is_verified
    assert after.rollback_target == ""
    assert back(model).version == 1


def test_a_rollback_undoes_a_deploy_that_was_never_verified(model):
    """What is restored is the version that was verified last."""
    serve_versions(model, 2)
    leave_unverified(make_package(model, factor=3.0, fingerprint="3" * 64))
    assert live(model).version == 3

    after = back(model)

    assert (after.version, after.rolled_back_from) == (2, "3" * 64)


def test_a_version_that_is_not_approved_any_more_is_not_restored(model):
    """The approval was withdrawn after the version had been live."""
    first, _ = serve_versions(model, 2)
    client("sagemaker").update_model_package(
        ModelPackageArn=first.package, ModelApprovalStatus="Rejected"
    )

    with pytest.raises(NotApprovedError, match="version 1 is Rejected"):
        back(model)

    assert live(model).version == 2


def test_a_version_whose_package_was_deleted_is_not_restored(model):
    """It could not be verified, and another version can be named."""
    _, second, _ = serve_versions(model, 3)
    client("sagemaker").delete_model_package(ModelPackageName=second.package)

    with pytest.raises(RegistryError, match="no such package; it was deleted"):
        back(model)

    assert back(model, to=1).version == 1


def test_a_rollback_is_verified(aws: EmbeddedAWS, model):
    """If it fails, the version that was live is restored, and the error says so."""
    serve_versions(model, 2)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    with pytest.raises(EndpointError, match="put back, live now: version 2"):
        back(model)

    assert back(model).version == 1


def rollback_tags(model: str) -> tuple[str, str]:
    """Read what an endpoint's tags say of rollbacks: the target and what was left."""
    now = live(model)
    return now.rollback_target, now.rolled_back_from


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="ping-failure"),
        Fault(kind="silent-rollback"),
        Fault(kind="wrong-predictions"),
        Fault(kind="throttling", operation="UpdateEndpoint", count=5),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_rollback_that_failed_leaves_no_trace(aws: EmbeddedAWS, model, fault):
    """The next plain rollback goes to the former version, not to the one that failed.

    And the content that stays live was not rolled back from.
    """
    serve_versions(model, 3)
    aws.inject(replace(fault, name=model))

    with pytest.raises(EndpointError):
        back(model, to=1)

    assert live(model).version == 3
    assert rollback_tags(model) == ("", "")
    assert back(model).version == 2


def test_a_rollback_stopped_by_its_archive_leaves_no_trace(model):
    """It is found before the endpoint changes."""
    serve_versions(model, 1)
    make_package(model, factor=2.0, golden_factor=3.0)

    with pytest.raises(EndpointError, match=r"predicts .* golden row"):
        back(model, to=2)

    assert rollback_tags(model) == ("", "")


def test_a_rollback_that_failed_keeps_what_an_earlier_one_recorded(
    aws: EmbeddedAWS, model
):
    """Also one that went on after an interruption, and one forward again."""
    serve_versions(model, 3)
    back(model)
    before = ("", "3" * 64)
    for to in (1, 3):
        interrupt_rollback(aws, model, to=to)
        assert rollback_tags(model)[0].startswith(f"{model}-v{to}-")
        aws.inject(Fault(kind="wrong-predictions", name=model))
        client("sagemaker").update_endpoint(
            EndpointName=model, EndpointConfigName=live(model).config
        )
        wait_until_settled(model, time.monotonic() + 30, ignore)

        with pytest.raises(EndpointError, match="put back, live now: version 2"):
            back(model)

        assert live(model).version == 2
        assert rollback_tags(model) == before


def test_an_interrupted_rollback_is_ended_by_staying(aws: EmbeddedAWS, model):
    """Naming the version that is live means that no rollback is to go on."""
    serve_versions(model, 3)
    with (
        once("before-call.sagemaker.UpdateEndpoint", interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        back(model, to=1)
    target, left = rollback_tags(model)
    assert (live(model).version, left) == (3, "3" * 64)
    assert target.startswith(f"{model}-v1-")

    assert back(model, to=3).version == 3

    assert rollback_tags(model) == ("", "")
    assert back(model).version == 2


def test_the_reason_is_said_even_if_the_record_cannot_be_cleared(
    aws: EmbeddedAWS, model
):
    """Both are: why the rollback failed, and which command goes on with it."""
    serve_versions(model, 3)
    aws.inject(Fault(kind="ping-failure", name=model))

    def refuse_tags() -> None:
        aws.inject(Fault(kind="throttling", operation="AddTags", name=model, count=-1))

    with pytest.raises(EndpointError) as raised:
        roll_back(
            model,
            to=1,
            wait_seconds=60,
            on_progress=when_updating(aws, model, refuse_tags),
        )

    text = str(raised.value)
    assert text.startswith(f"{model}: version 1 did not go live; The primary container")
    assert "the rollback is still recorded as begun" in text
    assert f"`python -m runner rollback {model} --to 3`" in text


def test_an_unknown_version_cannot_be_rolled_back_to(model):
    """The error lists the newest versions."""
    serve_versions(model, 1)
    make_package(model)

    with pytest.raises(RegistryError, match="no version 9; newest: 2, 1"):
        back(model, to=9)


def test_without_an_endpoint_there_is_no_way_back(model):
    """A first deploy has nothing behind it."""
    with pytest.raises(EndpointError, match="nothing is live"):
        back(model)
