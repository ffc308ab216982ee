"""Where AWS is, which only environment variables say."""

import os

import pytest
from runner.cli.target import (
    aws_at,
    default_target,
    environment,
    on_this_machine,
    require_running,
)

from lifecycle.errors import AwsError, ConfigurationError


def test_circleci_means_aws_and_everywhere_else_is_local(monkeypatch):
    """A laptop never reaches a real account unless told to."""
    assert default_target() == "local"
    monkeypatch.setenv("CIRCLECI", "true")
    assert default_target() == "aws"


def test_local_brings_its_own_aws_and_takes_it_away(monkeypatch):
    """The environment is as before once the command is over."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

    with aws_at("local"):
        url = os.environ["AWS_ENDPOINT_URL"]
        key = os.environ["AWS_ACCESS_KEY_ID"]

    assert url.startswith("http://127.0.0.1:")
    assert key != "mine"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_an_endpoint_that_is_set_is_used_as_it_is(monkeypatch):
    """`runner local` in another terminal serves this run."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with aws_at("local"):
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("target", "url", "here"),
    [
        ("local", "", True),
        ("local", "http://127.0.0.1:5000", True),
        ("local", "https://vpce-1.sagemaker.us-east-1.vpce.amazonaws.com", False),
        ("aws", "", False),
        ("aws", "http://127.0.0.1:5000", False),
    ],
)
def test_only_this_machine_implies_an_approval(monkeypatch, target, url, here):
    """An endpoint elsewhere may be a real account's, where a person approves."""
    if url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    assert on_this_machine(target) is here


def test_aws_adds_nothing(monkeypatch):
    """On AWS the environment is the caller's."""
    before = dict(os.environ)

    with aws_at("aws"):
        assert dict(os.environ) == before


def test_what_aws_refuses_is_one_line(aws):
    """A call that AWS refuses ends as an error of the runner's."""
    from lifecycle.aws import client

    refused = pytest.raises(AwsError, match="AWS refuses DescribeEndpoint: Validation")
    with refused, aws_at("local"):
        client("sagemaker").describe_endpoint(EndpointName="nobody")


def test_an_aws_that_does_not_answer_is_named(aws, monkeypatch):
    """The error says how to start what the environment leads to."""
    from lifecycle.aws import client

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    silent = pytest.raises(
        AwsError, match=r"nothing answers at .*:9; start .* --port 9"
    )
    with silent, aws_at("local"):
        client("sts").get_caller_identity()


def test_looking_into_an_empty_aws_is_refused(monkeypatch):
    """`approve` without a running AWS says how to start one."""
    with pytest.raises(ConfigurationError, match="python -m runner local"):
        require_running("local")

    require_running("aws")


def test_the_environment_is_put_back_after_an_error(monkeypatch):
    """An exception leaves no variable behind."""
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.delenv("ADDED", raising=False)

    with pytest.raises(ZeroDivisionError), environment({"KEPT": "2", "ADDED": "3"}):
        raise ZeroDivisionError

    assert os.environ["KEPT"] == "1"
    assert "ADDED" not in os.environ
