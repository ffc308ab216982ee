"""A deploy ends with the version that was asked for, or with what was live before."""

import threading
import time
from collections.abc import Iterator

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle import endpoint
from lifecycle.aws import client, read_tags
from lifecycle.deploy import deploy
from lifecycle.endpoint import (
    EndpointState,
    ensure_config,
    read_state,
    wait_until_settled,
)
from lifecycle.errors import EndpointError, StorageError
from lifecycle.invocation import invoke
from lifecycle.registry import Package
from lifecycle.s3 import parse_uri
from packages import ENDPOINT, ROWS, delete_endpoint, make_package, new_name


class Progress(list):
    """Remember what a deploy says."""

    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture
def model(aws: EmbeddedAWS) -> Iterator[str]:
    """A model whose endpoint, if it gets one, ends with the test."""
    name = new_name()
    yield name
    aws.clear()
    if read_state(name):
        delete_endpoint(name)


def serve(
    package: Package, seconds: float = 60, said: Progress | None = None
) -> EndpointState:
    """Deploy with the settings that all these tests share."""
    progress = Progress() if said is None else said
    return deploy(
        package, endpoint=ENDPOINT, wait_seconds=seconds, on_progress=progress
    )


def predictions(model: str) -> list[float]:
    """Round what an endpoint predicts, to tell one model from another."""
    return [round(value, 1) for value in invoke(model, ROWS)]


def test_the_first_deploy_creates_the_endpoint(model):
    """Nothing has to be there before."""
    package = make_package(model)

    after = serve(package)

    assert after == read_state(model)
    assert after.package == package.arn
    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]


def test_a_second_version_updates_the_endpoint_in_place(model):
    """The name stays, and so does the former config, for the way back."""
    first = serve(make_package(model))
    second = serve(make_package(model, factor=2.0))

    assert second.version == 2
    assert second.arn == first.arn
    assert predictions(model) == [0.0, 2.0, 4.0, 6.0]
    client("sagemaker").describe_endpoint_config(EndpointConfigName=first.config)
    client("sagemaker").describe_model(ModelName=first.config)


def test_a_live_version_is_left_alone(model):
    """Deploying what is live changes nothing, and says so."""
    package = make_package(model)
    first = serve(package)
    said = Progress()

    assert serve(package, said=said) == first
    assert said == ["version 1 is live already"]


def test_other_settings_are_a_change(model):
    """The same package on a larger instance is deployed again."""
    package = make_package(model)
    first = serve(package)
    larger = ENDPOINT | {"instance_count": 2}

    after = deploy(package, endpoint=larger, wait_seconds=60, on_progress=Progress())

    assert after.version == first.version
    assert after.config != first.config


def test_an_endpoint_is_tagged_with_what_it_serves(model):
    """One query of tags tells which content is live, and it follows the version."""
    serve(make_package(model))
    after = serve(make_package(model, fingerprint="e" * 64))

    tags = read_tags(after.arn)

    assert tags["owner"] == model
    assert tags["version"] == "2"
    assert tags["fingerprint"] == "e" * 64


def test_a_version_that_does_not_start_leaves_the_old_one(aws: EmbeddedAWS, model):
    """The error has SageMaker's reason, the container's words and what is live."""
    first = serve(make_package(model))
    aws.inject(Fault(kind="ping-failure", name=model))

    with pytest.raises(EndpointError) as raised:
        serve(make_package(model, factor=2.0))

    text = str(raised.value)
    assert "version 2 did not go live" in text
    assert "ping health check" in text
    assert f"live now: version 1 ({first.config}, InService)" in text
    assert "a fault on demand: no ping" in text
    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]
    assert read_tags(first.arn)["version"] == "1"


def test_a_silent_rollback_is_no_success(aws: EmbeddedAWS, model):
    """An endpoint in service with the old config is not what was asked for."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="silent-rollback", name=model))

    with pytest.raises(EndpointError, match=r"did not go live(.|\n)*live now: ver.*1"):
        serve(second)

    assert serve(second).version == 2


def test_a_first_version_that_does_not_start_is_cleared_away(aws: EmbeddedAWS, model):
    """The same command works once the fault is gone."""
    package = make_package(model)
    aws.inject(Fault(kind="ping-failure", name=model))

    with pytest.raises(EndpointError, match="live now: nothing"):
        serve(package)

    assert read_state(model) is None
    assert serve(package).version == 1


def test_a_failed_endpoint_of_before_is_replaced(aws: EmbeddedAWS, model):
    """An endpoint that somebody left as Failed does not block a deploy."""
    package = make_package(model)
    aws.inject(Fault(kind="ping-failure", name=model))
    client("sagemaker").create_endpoint(
        EndpointName=model, EndpointConfigName=ensure_config(package, ENDPOINT)
    )

    said = Progress()
    assert serve(package, said=said).serves(ensure_config(package, ENDPOINT))
    assert f"endpoint {model}: Failed, deleting it" in said


def test_wrong_predictions_put_the_old_version_back(aws: EmbeddedAWS, model):
    """A version that is live but predicts something else does not stay."""
    first = serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    expected = r"golden row 0(.|\n)*put back, live now: version 1.*, verified"
    with pytest.raises(EndpointError, match=expected):
        serve(second)

    assert read_state(model).serves(first.config)
    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]
    assert read_tags(first.arn)["version"] == "1"
    assert serve(second).version == 2


def test_what_is_put_back_is_verified_too(aws: EmbeddedAWS, model):
    """The way back can go wrong as well, and then nobody calls it a success."""
    serve(make_package(model))
    aws.inject(Fault(kind="wrong-predictions", name=model, count=2))

    with pytest.raises(EndpointError, match=r"cannot be verified: .*golden row 0"):
        serve(make_package(model, factor=2.0))


def test_a_first_version_with_wrong_predictions_does_not_stay(aws: EmbeddedAWS, model):
    """There is nothing to put back, so nothing is served."""
    package = make_package(model)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    with pytest.raises(EndpointError, match="nothing was live before it"):
        serve(package)

    assert read_state(model) is None


def test_an_archive_that_is_not_the_trained_model_is_never_served(model):
    """It is tried here before any endpoint changes."""
    first = serve(make_package(model))

    with pytest.raises(EndpointError, match=r"model\.tar\.gz: predicts .* golden row"):
        serve(make_package(model, factor=2.0, golden_factor=3.0))

    now = read_state(model)
    assert (now.config, now.modified) == (first.config, first.modified)
    assert now.attempted == 2


def test_a_lost_answer_to_an_update_changes_nothing(aws: EmbeddedAWS, model):
    """The call that botocore repeats finds its own update under way."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="endpoint-slow", name=model, seconds=2))
    aws.inject(Fault(kind="response-lost", operation="UpdateEndpoint", name=model))

    assert serve(second).version == 2
    assert read_state(model).is_verified


def test_a_lost_answer_to_a_creation_changes_nothing(aws: EmbeddedAWS, model):
    """The first deploy finds the endpoint that it made itself."""
    package = make_package(model)
    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        aws.inject(Fault(kind="response-lost", operation=operation, name=model))

    assert serve(package).version == 1
    assert read_state(model).is_verified


def leave_unverified(package: Package) -> None:
    """Leave a version as a deploy does that is killed while the endpoint updates."""
    config = ensure_config(package, ENDPOINT)
    client("sagemaker").update_endpoint(
        EndpointName=package.model, EndpointConfigName=config
    )
    wait_until_settled(package.model, time.monotonic() + 30, Progress())


def test_an_interrupted_deploy_is_verified_by_the_next(model):
    """What is live already was perhaps never verified."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    leave_unverified(second)
    assert read_tags(read_state(model).arn)["version"] == "1"
    said = Progress()

    assert serve(second, said=said).version == 2

    assert "version 2 is live already, and verified now" in said
    assert read_tags(read_state(model).arn)["version"] == "2"


def test_an_interrupted_deploy_of_a_bad_version_is_undone_by_the_next(
    aws: EmbeddedAWS, model
):
    """The version that was verified last comes back."""
    serve(make_package(model))
    second = make_package(model, factor=2.0)
    aws.inject(Fault(kind="wrong-predictions", name=model))
    leave_unverified(second)

    with pytest.raises(EndpointError, match="put back, live now: version 1"):
        serve(second)

    assert predictions(model) == [0.0, 1.0, 2.0, 3.0]


def test_a_failure_names_its_likely_cause(aws: EmbeddedAWS, model):
    """Whoever is on call knows where to look first."""
    serve(make_package(model))
    aws.inject(Fault(kind="ping-failure", name=model))

    with pytest.raises(EndpointError, match="likely cause: the container did not load"):
        serve(make_package(model, factor=2.0))


def test_lost_golden_rows_stop_a_deploy_before_it_changes_anything(model):
    """What cannot be verified is not begun."""
    serve(make_package(model))
    second = make_package(model)
    place = parse_uri(second.metadata["golden"])
    client("s3").delete_object(Bucket=place.bucket, Key=place.key)

    with pytest.raises(StorageError, match=r"golden\.json: not there"):
        serve(second)

    assert read_state(model).version == 1


def test_a_package_without_golden_rows_is_deployed_with_a_word(model):
    """A package of another origin can be served, but nobody claims it was checked."""
    said = Progress()

    serve(make_package(model, golden=""), said=said)

    assert "version 1 has no golden rows to be verified by" in said


def test_an_unapproved_package_is_not_deployed(model):
    """SageMaker refuses it even if somebody asks."""
    with pytest.raises(EndpointError, match="cannot be created"):
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

    assert read_state(model).version in ended
    assert predictions(model)[1] == float(read_state(model).version)
    assert all("another deploy came" in text for text in failed)


def test_a_version_that_was_replaced_meanwhile_is_not_put_back(
    aws: EmbeddedAWS, model, monkeypatch
):
    """Who verifies somebody else's version leaves it alone."""
    first = make_package(model)
    second = make_package(model, factor=2.0)
    serve(first)
    read_golden = endpoint.read_golden

    def replaced(package: Package) -> object:
        monkeypatch.setattr(endpoint, "check_golden", after_another_deploy)
        return read_golden(package)

    def after_another_deploy(name: str, golden: object) -> None:
        monkeypatch.undo()
        for variable, value in aws.environment.items():
            monkeypatch.setenv(variable, value)
        serve(first)
        raise EndpointError("other predictions")

    monkeypatch.setattr(endpoint, "read_golden", replaced)

    with pytest.raises(EndpointError, match="another deploy came"):
        serve(second)

    assert read_state(model).version == 1


def test_a_deploy_waits_for_another_update_within_its_limit(aws: EmbeddedAWS, model):
    """Somebody else's update is waited for, and then one's own is made."""
    serve(make_package(model))
    config = ensure_config(make_package(model, factor=2.0), ENDPOINT)
    aws.inject(Fault(kind="endpoint-slow", name=model, seconds=2))
    client("sagemaker").update_endpoint(EndpointName=model, EndpointConfigName=config)
    said = Progress()

    after = serve(make_package(model, factor=3.0), said=said)

    assert after.version == 3
    assert said[0] == f"endpoint {model}: Updating"


def test_a_deploy_ends_at_its_limit(aws: EmbeddedAWS, model):
    """A stuck endpoint is reported, and a later deploy takes up where it was."""
    package = make_package(model)
    stuck = aws.inject(Fault(kind="endpoint-stuck", name=model))

    with pytest.raises(EndpointError, match="still Creating at the time limit"):
        serve(package, seconds=2)

    aws.clear(stuck)
    assert serve(package).version == 1
