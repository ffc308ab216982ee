"""AWS: settings, clients, errors, waiting, tags and logs."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from uuid import uuid4

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import new_name

from lifecycle.aws import (
    add_tags,
    aws_errors,
    bucket,
    client,
    ignore_not_found,
    list_tagged,
    polls,
    read_log,
    read_tags,
    region,
    role,
    run_id_of,
    run_uri,
    tag_number,
    tag_time,
    tail_log,
)
from lifecycle.errors import AwsError, ConfigurationError

ABSENT = {
    "describe_endpoint": {"EndpointName": "none"},
    "describe_endpoint_config": {"EndpointConfigName": "none"},
    "describe_model": {"ModelName": "none"},
    "describe_model_package_group": {"ModelPackageGroupName": "none"},
    "describe_model_package": {"ModelPackageName": "none"},
    "describe_training_job": {"TrainingJobName": "none"},
}
RESTART = (
    "; start `python -m runner local --port 5000` again, or unset the variables that "
    "it printed (AWS_ENDPOINT_URL, AWS_PROFILE, ...)"
)


@pytest.mark.parametrize(
    ("call", "variable"),
    [(region, "AWS_DEFAULT_REGION"), (role, "SAGEMAKER_EXECUTION_ROLE_ARN")],
)
def test_a_missing_variable_is_named(call, variable):
    """A setting that is missing in the environment is a wrong call, exit code 2."""
    with pytest.raises(ConfigurationError, match=variable) as raised:
        call()

    assert raised.value.exit_code == 2


def test_the_bucket_is_the_accounts_default_unless_it_is_set(
    aws: EmbeddedAWS, monkeypatch
):
    """SAGEMAKER_BUCKET overrides SageMaker's default bucket of account and region."""
    assert bucket() == "sagemaker-us-east-1-123456789012"

    monkeypatch.setenv("SAGEMAKER_BUCKET", "ours")

    assert bucket() == "ours"


@pytest.mark.parametrize("run", ["r1", {"run_id": "r1"}])
def test_a_run_has_a_prefix_of_its_own(monkeypatch, run):
    """Everything that a run writes lies below its prefix."""
    monkeypatch.setenv("SAGEMAKER_BUCKET", "ours")

    assert run_uri("abalone", run, "train", "train.csv") == (
        "s3://ours/abalone/runs/r1/train/train.csv"
    )


def test_a_notebook_that_a_person_runs_has_the_run_id_local():
    """In JupyterLab nothing fills in `run`."""
    assert run_id_of({}) == "local"
    assert run_id_of({"run_id": "20261123053633-a1b2c3"}) == "20261123053633-a1b2c3"


def test_a_client_is_made_once(aws: EmbeddedAWS):
    """The same environment gives the same client."""
    assert client("sagemaker") is client("sagemaker")


def test_another_environment_gives_another_client(aws: EmbeddedAWS, monkeypatch):
    """A client is not used with another AWS endpoint than it was made for."""
    before = client("s3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    assert client("s3") is not before


def test_threads_share_a_client(aws: EmbeddedAWS, monkeypatch):
    """Threads that ask for the same client at once get one, made once."""
    # A key that no test has used, so that there is no client for it yet.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{uuid4().hex[:16].upper()}")
    together = Barrier(4)

    def ask(_: int) -> object:
        together.wait(10)
        return client("s3")

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(ask, range(4)))) == 1


def test_throttled_calls_are_retried(aws: EmbeddedAWS):
    """A call that AWS throttles twice succeeds."""
    aws.inject(Fault(kind="throttling", operation="ListEndpoints", count=2))

    assert "Endpoints" in client("sagemaker").list_endpoints()


def test_missing_credentials_are_named(monkeypatch, tmp_path):
    """Without credentials the error says how to get some."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigurationError, match="credentials: none found"):
        client("s3")


def test_expired_credentials_are_named(aws: EmbeddedAWS):
    """Expired credentials are a matter of configuration, whatever call they break."""
    aws.inject(Fault(kind="expired-credentials", operation="ListEndpoints"))

    with pytest.raises(ConfigurationError, match="ExpiredToken"):
        client("sagemaker").list_endpoints()


@pytest.mark.parametrize(
    ("service", "operation"),
    [("sagemaker", "list_endpoints"), ("s3", "list_buckets")],
)
def test_a_wrong_clock_is_named(aws: EmbeddedAWS, service, operation):
    """A signature of another time is told from wrong credentials."""
    aws.inject(Fault(kind="clock-skew"))

    with pytest.raises(ConfigurationError, match="the clock of this machine is wrong"):
        getattr(client(service), operation)()


@pytest.mark.parametrize("place", ["", "/etc/aws-config"])
def test_a_missing_profile_is_a_wrong_call(monkeypatch, tmp_path, place):
    """The error says where the profile was looked for, exit code 2."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "gone")
    if place:
        monkeypatch.setenv("AWS_CONFIG_FILE", place)

    with pytest.raises(ConfigurationError) as raised, aws_errors():
        client("s3")

    assert str(raised.value) == (
        f"AWS_PROFILE=gone: no such profile in {place or '~/.aws/config'}; name "
        "another, or unset AWS_PROFILE"
    )
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://127.0.0.1:5000", RESTART),
        ("http://localhost:5000/", RESTART),
        ("http://localhost", "; is it running?"),
        ("https://vpce-1.example.com:443", "; is it running?"),
    ],
)
def test_an_endpoint_that_does_not_answer_is_named(monkeypatch, url, remedy):
    """A server of this machine can be started again, another one cannot."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    with pytest.raises(AwsError) as raised, aws_errors():
        raise EndpointConnectionError(endpoint_url=url)

    expected = f"nothing answers at AWS_ENDPOINT_URL={url}{remedy}"
    assert str(raised.value) == expected


@pytest.mark.parametrize("error", [EndpointConnectionError, ReadTimeoutError])
def test_without_an_endpoint_the_error_stands_for_itself(error):
    """An error of the network says nothing of AWS_ENDPOINT_URL if it is not set."""
    with pytest.raises(AwsError, match=r"^AWS: .*https://s3\.example"), aws_errors():
        raise error(endpoint_url="https://s3.example.com")


def test_a_refused_call_is_one_line(aws: EmbeddedAWS):
    """AWS's code and message are passed on with the name of the call."""
    expected = r"^AWS refuses DescribeEndpoint: ValidationException, Could not find"

    with pytest.raises(AwsError, match=expected), aws_errors():
        client("sagemaker").describe_endpoint(EndpointName="none")


@pytest.mark.parametrize("call", ABSENT)
def test_a_resource_that_is_not_found_can_be_ignored(aws: EmbeddedAWS, call: str):
    """Each kind of resource is reported as missing in words of its own."""
    left = True
    with ignore_not_found():
        getattr(client("sagemaker"), call)(**ABSENT[call])
        left = False

    assert left


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_other_refusals_are_not_ignored(code: str):
    """They do not say that a resource is missing."""
    response = {"Error": {"Code": code, "Message": "not for you"}}

    with pytest.raises(ClientError, match=code), ignore_not_found():
        raise ClientError(response, "DescribeEndpoint")


def test_polling_ends_at_its_limit():
    """The first poll is made at once, then at growing intervals, a last at the end."""
    waited = list(polls(0.6))

    assert waited[0] < 0.05 <= waited[1]
    assert waited[-2] < 0.6 <= waited[-1]
    # A busy machine may sleep longer, and then polls less often.
    assert 3 <= len(waited) <= 7


def test_a_limit_that_has_passed_allows_one_poll():
    """Without any time left the state is read once."""
    assert len(list(polls(0))) == len(list(polls(-5))) == 1


def test_tags_are_added_and_changed(aws: EmbeddedAWS):
    """Characters that AWS does not accept are replaced."""
    group = client("sagemaker").create_model_package_group(
        ModelPackageGroupName=new_name(), Tags=[{"Key": "owner", "Value": "ml-team"}]
    )["ModelPackageGroupArn"]

    add_tags(group, {"commit": "c0ffee", "note": "100 %"})
    add_tags(group, {"commit": "decade"})

    expected = {"owner": "ml-team", "commit": "decade", "note": "100 -"}
    assert read_tags(group) == expected


def test_resources_are_listed_by_their_tags(aws: EmbeddedAWS):
    """An owner, and further tags with a value or with any value."""
    first, second = new_name(), new_name()
    arns = {
        name: client("sagemaker").create_model_package_group(
            ModelPackageGroupName=name,
            Tags=[
                {"Key": "owner", "Value": name},
                *([{"Key": "version", "Value": "2"}] if name == first else []),
            ],
        )["ModelPackageGroupArn"]
        for name in (first, second)
    }

    def listed(**tags: str) -> set[str]:
        found = list_tagged("sagemaker:model-package-group", **tags)
        return {arn for arn, _ in found} & set(arns.values())

    assert listed() == set(arns.values())
    assert listed(owner=second) == {arns[second]}
    assert listed(version="") == listed(version="2") == {arns[first]}
    assert listed(version="3") == set()


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("v12", 0), ("1.0", 0), ("-1", 0), ("", 0)]
)
def test_a_tag_that_is_not_a_version_number_reads_as_0(text: str, number: int):
    """Other tools may write the same tag with other values."""
    assert tag_number({"version": text}, "version") == number
    assert tag_number({}, "version") == 0


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01"])
def test_a_tag_that_is_not_a_time_reads_as_none(text: str):
    """Other tools may write the same tag with other values."""
    assert tag_time({"since": text}, "since") is None


def test_a_time_without_a_zone_is_utc():
    """All times can be compared with each other."""
    moment = tag_time({"since": "2026-11-23"}, "since")

    assert moment == datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def log_group(module_aws: EmbeddedAWS) -> str:
    """A log group with two streams, of 3 and of 2,500 lines."""
    name = f"/test/{new_name()}"
    logs = client("logs")
    logs.create_log_group(logGroupName=name)
    now = int(time.time() * 1000)
    for stream, count, start in (("a/1", 3, now - 1000), ("b/1", 2500, now)):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        events = [
            {"timestamp": start, "message": f"{stream} line {n}"} for n in range(count)
        ]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)
    return name


def test_a_log_is_read_by_the_prefix_of_its_streams(aws: EmbeddedAWS, log_group):
    """Streams with another prefix are not read."""
    assert read_log(log_group, "a/") == ["a/1 line 0", "a/1 line 1", "a/1 line 2"]


def test_a_long_log_is_read_to_its_end(aws: EmbeddedAWS, log_group):
    """A stream is read page by page."""
    lines = read_log(log_group, "b/")

    assert len(lines) == 2500
    assert lines[-1] == "b/1 line 2499"


def test_a_missing_log_group_has_no_lines(aws: EmbeddedAWS):
    """A job that never wrote a line has no log group."""
    assert read_log("/test/none", "a/") == []
    assert tail_log("/test/none", lines=5) == []


def test_the_tail_is_read_from_the_last_stream(aws: EmbeddedAWS, log_group):
    """Without a prefix the stream that was written to last is read."""
    assert tail_log(log_group, lines=2) == ["b/1 line 2498", "b/1 line 2499"]
    assert tail_log(log_group, lines=1, stream_prefix="a/") == ["a/1 line 2"]
