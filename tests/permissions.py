"""Which permissions calls of AWS need, to be compared with docs/policies/.

The names are those of AWS's Service Authorization Reference. What a call needs that is
not known here is an error, so that a new call needs a look at the policies.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from embedded_aws.iam.policies import Policy, decide
from first_day import ACCOUNT, BUCKET, EXECUTION_ROLE, POLICIES, REGION

VALUES = {
    "ACCOUNT": ACCOUNT,
    "BUCKET": BUCKET,
    "EXECUTION_ROLE": EXECUTION_ROLE,
    "RAW_BUCKET": "raw-tables",
    "MODEL": "fraud",
    "ORG": "00000000-0000-0000-0000-000000000000",
    "PROJECT": "00000000-0000-0000-0000-000000000001",
    "REPOSITORY": "team/models",
    "BRANCH": "main",
    "KEY": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
}
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
TAGGING = ("AddTags", "DeleteTags", "ListTags")
# What S3's calls are allowed by; without a key, on the bucket.
S3 = {
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "PutObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
    "DeleteObject": "DeleteObject",
    "DeleteObjectTagging": "DeleteObjectTagging",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
}


@dataclass(frozen=True, kw_only=True)
class Need:
    """An action on a resource, and what its request says to conditions."""

    action: str
    resource: str = "*"
    context: Mapping[str, list[str]] = field(default_factory=dict)


def documented(*names: str, **values: str) -> list[Policy]:
    """Read policies of docs/policies/, filled in as docs/circleci.md does."""
    return [Policy.read(name, filled(name, **values)) for name in names]


def filled(name: str, **values: str) -> dict[str, Any]:
    """Read a file of docs/policies/ with its `<NAME>`s replaced."""
    text = (POLICIES / f"{name}.json").read_text(encoding="utf-8")
    known = VALUES | values
    return json.loads(re.sub(r"<([A-Z_]+)>", lambda found: known[found[1]], text))


def refused(policies: Iterable[Policy], needs: Iterable[Need]) -> list[Need]:
    """Return what policies do not allow."""
    known = list(policies)
    return [
        one
        for one in needs
        if not decide(known, one.action, one.resource, one.context).is_allowed
    ]


def recorded(file: Path) -> Iterator[Need]:
    """Yield what the calls need that tests/story/recorder has written down."""
    for line in file.read_text(encoding="utf-8").splitlines():
        yield from needed(**json.loads(line))


def needed(service: str, operation: str, given: Mapping[str, Any]) -> Iterator[Need]:
    """Yield what one call needs."""
    if service == "sts":
        # Who has credentials may ask for their name, and who has a token for those.
        assert operation in ("GetCallerIdentity", "AssumeRoleWithWebIdentity")
    elif service == "sagemaker-runtime":
        name = given["EndpointName"]
        yield Need(action=f"sagemaker:{operation}", resource=_arn("endpoint", name))
    else:
        yield from SERVICES[service](operation, given)


def _sagemaker(operation: str, given: Mapping[str, Any]) -> Iterator[Need]:
    resource = _sagemaker_resource(operation, given)
    context = {}
    if status := given.get("ModelApprovalStatus"):
        context = {"sagemaker:ModelApprovalStatus": [status]}
    action = f"sagemaker:{operation}"
    yield Need(action=action, resource=resource, context=context)
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        config = _arn("endpoint-config", given["EndpointConfigName"])
        yield Need(action=action, resource=config)
    if operation.startswith("Create") and given.get("Tags"):
        yield Need(action="sagemaker:AddTags", resource=resource)
    for name in ("RoleArn", "ExecutionRoleArn"):
        if name in given:
            service = {"iam:PassedToService": ["sagemaker.amazonaws.com"]}
            yield Need(action="iam:PassRole", resource=given[name], context=service)


def _sagemaker_resource(operation: str, given: Mapping[str, Any]) -> str:
    """Return the ARN of what a call of SageMaker is about."""
    if operation in TAGGING:
        return str(given["ResourceArn"])
    verb, thing = re.fullmatch(r"([A-Z][a-z]+)([A-Za-z]+)", operation).groups()
    if verb in ("List", "Search"):
        return "*"
    if operation == "CreateModelPackage":
        return _arn("model-package", f"{given['ModelPackageGroupName']}/1")
    name = given.get(f"{thing}Arn") or given[f"{thing}Name"]
    kind = re.sub(r"(?<!^)(?=[A-Z])", "-", thing).lower()
    return name if name.startswith("arn:") else _arn(kind, name)


def _arn(kind: str, name: str) -> str:
    return f"{SAGEMAKER}:{kind}/{name.lower()}"


def _s3(operation: str, given: Mapping[str, Any]) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{given['Bucket']}"
    resource = f"{bucket}/{given['Key']}" if "Key" in given else bucket
    yield Need(action=f"s3:{S3[operation]}", resource=resource)
    if tags := parse_qsl(given.get("Tagging", "")):
        context = {f"s3:RequestObjectTag/{key}": [value] for key, value in tags}
        yield Need(action="s3:PutObjectTagging", resource=resource, context=context)


def _logs(operation: str, given: Mapping[str, Any]) -> Iterator[Need]:
    stream = given.get("logStreamName", "*")
    group = f"{LOGS}:{given['logGroupName']}:log-stream:{stream}"
    yield Need(action=f"logs:{operation}", resource=group)


def _iam(operation: str, given: Mapping[str, Any]) -> Iterator[Need]:
    role = given.get("PolicySourceArn") or f":{ACCOUNT}:role/{given['RoleName']}"
    resource = role if role.startswith("arn:") else f"arn:aws:iam:{role}"
    yield Need(action=f"iam:{operation}", resource=resource)


def _on_everything(prefix: str) -> Any:
    """Return how a service's calls are allowed that are about no single resource."""

    def needs(operation: str, _: Mapping[str, Any]) -> Iterator[Need]:
        yield Need(action=f"{prefix}:{operation}")

    return needs


SERVICES = {
    "sagemaker": _sagemaker,
    "s3": _s3,
    "logs": _logs,
    "iam": _iam,
    "resourcegroupstaggingapi": _on_everything("tag"),
    "cloudwatch": _on_everything("cloudwatch"),
    "application-autoscaling": _on_everything("application-autoscaling"),
}


def done_as_execution_role(file: Path) -> Iterator[Need]:
    """Yield what SageMaker itself does for recorded calls, as the role they pass."""
    for line in file.read_text(encoding="utf-8").splitlines():
        call = json.loads(line)
        operation, given = call["operation"], call["given"]
        if operation == "CreateTrainingJob":
            yield from _run(
                f"TrainingJobs:log-stream:{given['TrainingJobName']}/algo-1"
            )
            for channel in given["InputDataConfig"]:
                yield from _read(channel["DataSource"]["S3DataSource"]["S3Uri"])
            output = given["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://")
            archive = f"arn:aws:s3:::{output}/{given['TrainingJobName']}/output"
            yield Need(action="s3:PutObject", resource=f"{archive}/model.tar.gz")
        elif operation == "CreateModel":
            yield from _run(f"Endpoints/{given['ModelName']}:log-stream:AllTraffic/i-1")
            yield from _read(f"s3://{BUCKET}/model.tar.gz")


def _run(stream: str) -> Iterator[Need]:
    """Yield what a container takes: an image, logs and metrics."""
    for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents"):
        yield Need(action=f"logs:{action}", resource=f"{LOGS}:/aws/sagemaker/{stream}")
    yield Need(action="cloudwatch:PutMetricData")
    yield Need(action="ecr:GetAuthorizationToken")
    image = f"arn:aws:ecr:{REGION}:683313688378:repository/sagemaker-xgboost"
    for action in ("BatchGetImage", "GetDownloadUrlForLayer"):
        yield Need(action=f"ecr:{action}", resource=image)


def _read(uri: str) -> Iterator[Need]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    yield Need(action="s3:ListBucket", resource=f"arn:aws:s3:::{bucket}")
    yield Need(action="s3:GetObject", resource=f"arn:aws:s3:::{bucket}/{key}")
