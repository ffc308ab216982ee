"""Clients, bucket, role and region come from the environment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from botocore.exceptions import EndpointConnectionError
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import aws_errors, bucket, client, region, role, run_uri
from lifecycle.errors import AwsError, ConfigurationError


@pytest.mark.parametrize(
    ("call", "variable"),
    [(region, "AWS_DEFAULT_REGION"), (role, "SAGEMAKER_EXECUTION_ROLE_ARN")],
)
def test_a_missing_variable_is_named(call, variable):
    """What the environment lacks is said by its name, as a wrong call."""
    with pytest.raises(ConfigurationError, match=variable) as raised:
        call()

    assert raised.value.exit_code == 2


def test_missing_credentials_are_named(monkeypatch, tmp_path):
    """Without credentials nobody sees botocore's traceback, but what to do."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigurationError, match="credentials: none found"):
        client("s3")


def test_expired_credentials_are_named(aws: EmbeddedAWS):
    """Credentials that ran out are a matter of configuration, wherever it happens."""
    aws.inject(Fault(kind="expired-credentials", operation="ListEndpoints"))

    with pytest.raises(ConfigurationError, match="ExpiredToken"):
        client("sagemaker").list_endpoints()


@pytest.mark.parametrize(
    ("service", "operation"),
    [("sagemaker", "list_endpoints"), ("s3", "list_buckets")],
)
def test_a_wrong_clock_is_named(aws: EmbeddedAWS, service, operation):
    """A signature of another time is no matter of credentials."""
    aws.inject(Fault(kind="clock-skew"))

    with pytest.raises(ConfigurationError, match="the clock of this machine is wrong"):
        getattr(client(service), operation)()


def test_a_client_is_made_once(aws: EmbeddedAWS):
    """The same environment gives the same client."""
    assert client("sagemaker") is client("sagemaker")


def test_another_environment_gives_another_client(aws: EmbeddedAWS, monkeypatch):
    """No client outlives the endpoint it was made for."""
    before = client("s3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    assert client("s3") is not before


def test_an_endpoint_that_nothing_answers_at_is_named(monkeypatch):
    """Whoever has exported the variables of a stopped server learns what to do."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")

    with pytest.raises(AwsError, match="runner local --port 5000"), aws_errors():
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:5000/")


def test_a_profile_that_is_not_there_is_named(monkeypatch, tmp_path):
    """It is a wrong call, whoever asks for a client first."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "gone")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigurationError, match="AWS_PROFILE=gone:"), aws_errors():
        client("s3")


def test_threads_that_ask_at_once_share_a_client(aws: EmbeddedAWS, monkeypatch):
    """boto3 makes one at a time, and a second one would take as long again."""
    # An environment that nobody else has had, so that nothing has been made for it.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{uuid4().hex[:16].upper()}")
    together = Barrier(4)

    def ask(_: int) -> object:
        together.wait(10)
        return client("s3")

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(ask, range(4)))) == 1


def test_throttling_is_waited_for(aws: EmbeddedAWS):
    """A few refusals for being too fast are retried without anybody noticing."""
    aws.inject(Fault(kind="throttling", operation="ListEndpoints", count=2))

    assert "Endpoints" in client("sagemaker").list_endpoints()


def test_the_bucket_is_the_accounts_own_by_default(aws: EmbeddedAWS, monkeypatch):
    """The bucket needs no setting, and yields to one."""
    assert bucket() == "sagemaker-us-east-1-123456789012"

    monkeypatch.setenv("SAGEMAKER_BUCKET", "ours")

    assert bucket() == "ours"


def test_a_run_has_its_own_place(monkeypatch):
    """Everything of a run lies below its own prefix."""
    monkeypatch.setenv("SAGEMAKER_BUCKET", "ours")

    assert run_uri("abalone", "r1", "train", "train.csv") == (
        "s3://ours/abalone/runs/r1/train/train.csv"
    )
