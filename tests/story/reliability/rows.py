"""What goes wrong: each row breaks something, runs a command, and mends it again."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from story.reliability.case import (
    DEPLOY,
    ROLLBACK,
    TRAIN,
    Case,
    Ended,
    finished,
    serve,
    wait_for,
)

from lifecycle.aws import bucket, client
from lifecycle.registration.packages import Package, find_package
from lifecycle.s3 import parse_uri, read_bytes, write_bytes

Breaks = Callable[[Case, tuple[str, ...]], Ended]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault or an interruption, and the command that meets it."""

    name: str
    command: tuple[str, ...]
    breaks: Breaks
    is_live: bool = True
    # It ends the embedded AWS, so it has one of its own.
    own_aws: bool = False
    mend: Callable[[Case], None] = Case.mend
    prepare: Callable[[Case], object] = Case.register


def faults(*wanted: tuple[str, dict[str, object]]) -> Breaks:
    """Let these faults happen to the command."""

    def broken(case: Case, command: tuple[str, ...]) -> Ended:
        for kind, values in wanted:
            case.inject(kind, **values)
        return case.run(*command)

    return broken


def fault(kind: str, **values: object) -> Breaks:
    """Let one fault happen to the command."""
    return faults((kind, values))


def training(name: str, breaks: Breaks) -> Row:
    """Break the training and registering of a model that is live."""
    return Row(name=name, command=TRAIN, breaks=breaks, prepare=nothing)


def deploying(name: str, breaks: Breaks, *options: str, **more: object) -> Row:
    """Break the deploy of an approved version 2 over version 1."""
    return Row(name=name, command=(*DEPLOY, *options), breaks=breaks, **more)


def nothing(case: Case) -> None:
    """Change nothing before the command."""


def slow_training(case: Case) -> None:
    case.inject("training-slow", seconds=60)


def slow_update(case: Case) -> None:
    case.inject("endpoint-slow", operation="UpdateEndpoint", seconds=4)


def held_update(case: Case) -> None:
    """Let the update last until the fault is cleared."""
    case.inject("endpoint-stuck", operation="UpdateEndpoint")


def terminated_in_training(case: Case, command: tuple[str, ...]) -> Ended:
    slow_training(case)
    return case.interrupted(*command, when=case.trains)


def terminated_in_registration(case: Case, command: tuple[str, ...]) -> Ended:
    """The call is refused again and again, so that it lasts."""
    busy = case.inject("throttling", operation="CreateModelPackage", count=50)
    return case.interrupted(*command, when=lambda: case.began(busy))


def terminated_after_registration(case: Case, command: tuple[str, ...]) -> Ended:
    """The package is there, but the notebook never gets the response."""
    lost = case.inject("response-lost", operation="CreateModelPackage", count=50)
    return case.interrupted(*command, when=lambda: case.began(lost))


def terminated_in_update(case: Case, command: tuple[str, ...]) -> Ended:
    held_update(case)
    return case.interrupted(*command, when=case.is_updating)


def interrupted_in_update(case: Case, command: tuple[str, ...]) -> Ended:
    held_update(case)
    return case.interrupted(*command, when=case.is_updating, how=signal.SIGINT)


def kernel_killed_in_training(case: Case, command: tuple[str, ...]) -> Ended:
    slow_training(case)
    return case.kernel_killed(*command, when=case.trains)


def kernel_killed_in_update(case: Case, command: tuple[str, ...]) -> Ended:
    held_update(case)
    return case.kernel_killed(*command, when=case.is_updating)


def two_at_once(case: Case, command: tuple[str, ...]) -> Ended:
    slow_update(case)
    both = [case.start(*command) for _ in range(2)]
    first, second = (finished(process) for process in both)
    return Ended(code=max(first.code, second.code), said=first.said + second.said)


def another_update(case: Case, command: tuple[str, ...]) -> Ended:
    """Another caller updates the endpoint while the deploy begins."""
    slow_update(case)
    client("sagemaker").update_endpoint(
        EndpointName=case.model,
        EndpointConfigName=client("sagemaker").describe_endpoint(
            EndpointName=case.model
        )["EndpointConfigName"],
    )
    return case.run(*command)


def full_disk(case: Case, command: tuple[str, ...]) -> Ended:
    """No file may grow beyond 24 blocks of 512 bytes."""
    return case.run(*command, limit_files=24)


def registered(case: Case) -> Package:
    assert case.package is not None
    return case.package


def status(case: Case, value: str) -> None:
    client("sagemaker").update_model_package(
        ModelPackageArn=registered(case).arn, ModelApprovalStatus=value
    )


def withdrawn(case: Case, command: tuple[str, ...]) -> Ended:
    status(case, "Rejected")
    return case.run(*command)


def approved_again(case: Case) -> None:
    status(case, "Approved")


def package_deleted(case: Case, command: tuple[str, ...]) -> Ended:
    client("sagemaker").delete_model_package(ModelPackageName=registered(case).arn)
    return case.run(*command)


def registered_again(case: Case) -> None:
    case.register()


def archive_changed(change: Callable[[bytes], bytes | None]) -> Breaks:
    """Change version 2's archive, or delete it, after its approval."""

    def broken(case: Case, command: tuple[str, ...]) -> Ended:
        uri = registered(case).model_data
        content = read_bytes(uri)
        case.saved = content
        if (changed := change(content)) is None:
            bucket, key = parse_uri(uri)
            client("s3").delete_object(Bucket=bucket, Key=key)
        else:
            write_bytes(uri, changed)
        return case.run(*command)

    return broken


def archive_restored(case: Case) -> None:
    write_bytes(registered(case).model_data, case.saved)


def golden_exchanged(case: Case, command: tuple[str, ...]) -> Ended:
    """Exchange what the endpoint has to predict, after its approval."""
    uri = registered(case).metadata["golden"]
    case.saved = read_bytes(uri)
    write_bytes(uri, case.saved.replace(b"5.0", b"4.0"))
    return case.run(*command)


def golden_restored(case: Case) -> None:
    write_bytes(registered(case).metadata["golden"], case.saved)


def archive_of_version_1(case: Case, command: tuple[str, ...]) -> Ended:
    """Exchange the archive for another one, which is a good model too."""
    uri = registered(case).model_data
    case.saved = read_bytes(uri)
    write_bytes(uri, read_bytes(find_package(case.model, 1).model_data))
    return case.run(*command)


def metadata(case: Case, **values: str) -> None:
    client("sagemaker").update_model_package(
        ModelPackageArn=registered(case).arn, CustomerMetadataProperties=values
    )


def metrics_edited(case: Case, command: tuple[str, ...]) -> Ended:
    """Edit a metric of the approved package, as anybody may who may approve."""
    metadata(case, **{"metric.rmse": "0.1"})
    return case.run(*command)


def metrics_restored(case: Case) -> None:
    metadata(case, **{"metric.rmse": "0.5"})


def foreign_packages(case: Case, command: tuple[str, ...]) -> Ended:
    """Another tool has registered versions since, with little or nothing in them."""
    for more in ({}, {"CustomerMetadataProperties": {"metric.auc": "n/a"}}):
        client("sagemaker").create_model_package(
            ModelPackageGroupName=case.model, ModelApprovalStatus="Approved", **more
        )
    return case.run(*command)


def live_config(case: Case) -> dict[str, Any]:
    sagemaker = client("sagemaker")
    name = sagemaker.describe_endpoint(EndpointName=case.model)["EndpointConfigName"]
    return sagemaker.describe_endpoint_config(EndpointConfigName=name)


def changed_by_hand(case: Case, command: tuple[str, ...]) -> Ended:
    """Scale the endpoint to 3 instances, and capture its data, as a person does."""
    sagemaker, theirs = client("sagemaker"), f"{case.model}-captured"
    sagemaker.create_endpoint_config(
        EndpointConfigName=theirs,
        ProductionVariants=live_config(case)["ProductionVariants"],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 20,
            "DestinationS3Uri": f"s3://{bucket()}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
    sagemaker.update_endpoint(EndpointName=case.model, EndpointConfigName=theirs)
    in_service = sagemaker.get_waiter("endpoint_in_service")
    in_service.wait(EndpointName=case.model, WaiterConfig={"Delay": 1})
    scaled(case, 3)
    case.known |= case.configs()
    ended = case.run(*command)
    # Both are there still.
    now = sagemaker.describe_endpoint(EndpointName=case.model)
    assert now["ProductionVariants"][0]["DesiredInstanceCount"] == 3
    assert live_config(case)["DataCaptureConfig"]["InitialSamplingPercentage"] == 20
    return ended


def scaled(case: Case, count: int) -> None:
    client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=case.model,
        DesiredWeightsAndCapacities=[
            {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
        ],
    )


def config_deleted(case: Case, command: tuple[str, ...]) -> Ended:
    """Delete the config that is live; the endpoint serves on."""
    name = live_config(case)["EndpointConfigName"]
    client("sagemaker").delete_endpoint_config(EndpointConfigName=name)
    return case.run(*command)


def endpoint_is(endpoint: str) -> Breaks:
    """Give model.yaml another `endpoint:`."""

    def broken(case: Case, command: tuple[str, ...]) -> Ended:
        path = case.root / "models" / case.model / "model.yaml"
        case.saved = path.read_bytes()
        kept = [
            line for line in case.saved.decode().splitlines() if "endpoint:" not in line
        ]
        path.write_text("\n".join([*kept, f"endpoint: {endpoint}", ""]))
        return case.run(*command)

    return broken


def one_instance_left(case: Case, command: tuple[str, ...]) -> Ended:
    """Ask for a canary of two instances, of which autoscaling has taken one away."""
    two = endpoint_is(CANARY.replace(", canary: {alarms: [a]}", ""))
    two(case, ("status",))
    sagemaker, theirs = client("sagemaker"), f"{case.model}-two"
    (variant,) = live_config(case)["ProductionVariants"]
    sagemaker.create_endpoint_config(
        EndpointConfigName=theirs,
        ProductionVariants=[variant | {"InitialInstanceCount": 2}],
    )
    sagemaker.update_endpoint(EndpointName=case.model, EndpointConfigName=theirs)
    in_service = sagemaker.get_waiter("endpoint_in_service")
    in_service.wait(EndpointName=case.model, WaiterConfig={"Delay": 1})
    scaled(case, 1)
    case.known |= case.configs()
    model_yaml_restored(case)
    return endpoint_is(CANARY)(case, command)


def model_yaml_restored(case: Case) -> None:
    (case.root / "models" / case.model / "model.yaml").write_bytes(case.saved)


def aws_killed(hold: Callable[[Case], None], when: Callable[[Case], object]) -> Breaks:
    """Kill the embedded AWS as a machine does that has no memory left."""

    def broken(case: Case, command: tuple[str, ...]) -> Ended:
        hold(case)
        process = case.start(*command)
        wait_for(lambda: when(case), process)
        os.kill(case.aws.pid, signal.SIGKILL)
        ended = finished(process)
        case.restart_aws()
        return ended

    return broken


def version_2_live(case: Case) -> None:
    """Let version 2 be live, so that a rollback has a version to go to."""
    serve(case.register())


FOREVER = {"count": -1}
SERVERLESS = "{serverless: {memory_mb: 2048}}"
CANARY = """{instance_type: ml.m5.large, instance_count: 2, canary: {alarms: [a]}}"""
ROWS: Sequence[Row] = (
    training("Training fails in the algorithm", fault("training-algorithm-error")),
    training("Training fails at its data", fault("training-client-error")),
    training("A person stops the training job", fault("training-stopped")),
    Row(
        name="Training is slower than the notebook's time limit",
        command=(*TRAIN, "--time-limit", "8"),
        breaks=fault("training-slow", seconds=60),
        prepare=nothing,
    ),
    training(
        "The answer to CreateTrainingJob is lost",
        fault("response-lost", operation="CreateTrainingJob"),
    ),
    training(
        "The connection is reset twice before CreateTrainingJob",
        fault("connection-reset", operation="CreateTrainingJob", count=2),
    ),
    training("The job leaves no model.tar.gz", fault("model-data-lost")),
    training("The job's model.tar.gz is cut in half", fault("model-data-truncated")),
    training(
        "SageMaker throttles the wait for the job, in a burst",
        fault("throttling", operation="DescribeTrainingJob", count=3),
    ),
    training(
        "The answer to CreateModelPackage is lost",
        fault("response-lost", operation="CreateModelPackage"),
    ),
    training(
        "S3 refuses the prepared rows",
        fault("s3-access-denied", operation="PutObject", **FOREVER),
    ),
    training(
        "Credentials expire while the job trains",
        faults(
            ("training-slow", {"seconds": 60}),
            ("expired-credentials", {"operation": "DescribeTrainingJob", **FOREVER}),
            ("expired-credentials", {"operation": "StopTrainingJob", **FOREVER}),
            ("expired-credentials", {"operation": "ListTrainingJobs"}),
        ),
    ),
    training("SIGTERM during training", terminated_in_training),
    training("SIGTERM during registration", terminated_in_registration),
    training("SIGTERM after the registration", terminated_after_registration),
    training("The kernel is killed during training", kernel_killed_in_training),
    training("The disk is full while archiving", full_disk),
    Row(
        name="The embedded AWS is killed during training",
        command=TRAIN,
        breaks=aws_killed(slow_training, Case.trains),
        prepare=nothing,
        own_aws=True,
    ),
    deploying(
        "A first version fails its ping",
        fault("ping-failure", operation="CreateEndpoint"),
        is_live=False,
    ),
    deploying(
        "A new version fails its ping",
        fault("ping-failure", operation="UpdateEndpoint"),
    ),
    deploying("SageMaker rolls back and says nothing", fault("silent-rollback")),
    deploying(
        "The endpoint is stuck in Creating",
        fault("endpoint-stuck", operation="CreateEndpoint"),
        "-p",
        "wait_seconds=4",
        is_live=False,
    ),
    deploying(
        "The endpoint is stuck in Updating",
        fault("endpoint-stuck", operation="UpdateEndpoint"),
        "-p",
        "wait_seconds=4",
    ),
    deploying(
        "The answer to CreateEndpoint is lost",
        fault("response-lost", operation="CreateEndpoint"),
        is_live=False,
    ),
    deploying(
        "The answer to UpdateEndpoint is lost",
        fault("response-lost", operation="UpdateEndpoint"),
    ),
    deploying(
        "The connection is reset twice while waiting",
        fault("connection-reset", operation="DescribeEndpoint", count=2),
    ),
    deploying(
        "SageMaker throttles, in a burst",
        fault("throttling", operation="UpdateEndpoint", count=3),
    ),
    deploying(
        "SageMaker throttles for longer than clients retry",
        fault("throttling", operation="UpdateEndpoint", **FOREVER),
    ),
    deploying(
        "SageMaker is unavailable",
        fault("service-unavailable", operation="ListModelPackages", **FOREVER),
    ),
    deploying(
        "Credentials are expired",
        fault("expired-credentials", operation="DescribeEndpoint", **FOREVER),
    ),
    deploying(
        "The clock is wrong",
        fault("clock-skew", operation="DescribeEndpoint", **FOREVER),
    ),
    deploying(
        "S3 refuses the golden rows",
        fault("s3-access-denied", operation="GetObject", **FOREVER),
    ),
    deploying(
        "S3 refuses the evidence",
        fault("s3-access-denied", operation="PutObject", **FOREVER),
    ),
    deploying(
        "The approved model.tar.gz is lost",
        archive_changed(lambda content: None),
        mend=archive_restored,
    ),
    deploying(
        "The approved model.tar.gz is cut in half",
        archive_changed(lambda content: content[: len(content) // 2]),
        mend=archive_restored,
    ),
    deploying(
        "The approved model.tar.gz is exchanged for version 1's",
        archive_of_version_1,
        mend=archive_restored,
    ),
    deploying(
        "The golden records are exchanged", golden_exchanged, mend=golden_restored
    ),
    deploying(
        "A metric of the approved package is edited",
        metrics_edited,
        mend=metrics_restored,
    ),
    deploying("Another tool has registered newer versions", foreign_packages),
    deploying("Others have added instances and data capture", changed_by_hand),
    deploying("The live endpoint config is deleted", config_deleted),
    deploying(
        "model.yaml changes from instances to serverless",
        endpoint_is(SERVERLESS),
        mend=model_yaml_restored,
    ),
    deploying(
        "model.yaml asks for a canary, and one instance is there",
        one_instance_left,
        mend=model_yaml_restored,
    ),
    deploying(
        "An update fails, and its rollback too",
        faults(
            ("ping-failure", {"operation": "UpdateEndpoint"}), ("rollback-failed", {})
        ),
    ),
    Row(
        name="The embedded AWS is killed during the update",
        command=DEPLOY,
        breaks=aws_killed(held_update, Case.is_updating),
        own_aws=True,
    ),
    deploying("SIGTERM during the update", terminated_in_update),
    deploying("Ctrl-C during the update", interrupted_in_update),
    deploying("The kernel is killed during the update", kernel_killed_in_update),
    deploying("Two deploys at once", two_at_once),
    deploying("Another caller's update is in progress", another_update),
    deploying(
        "Approval is withdrawn between approve and deploy",
        withdrawn,
        mend=approved_again,
    ),
    deploying(
        "The approved package is deleted", package_deleted, mend=registered_again
    ),
    deploying(
        "The clean-up of older configs is refused",
        fault("service-unavailable", operation="GetResources", **FOREVER),
    ),
    Row(
        name="The rollback's container does not answer its ping",
        command=ROLLBACK,
        breaks=fault("ping-failure", operation="UpdateEndpoint"),
        prepare=version_2_live,
    ),
    Row(
        name="SIGTERM during the rollback",
        command=ROLLBACK,
        breaks=terminated_in_update,
        prepare=version_2_live,
    ),
)
