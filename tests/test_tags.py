"""What all endpoints say of themselves is read in one query."""

import io
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from embedded_aws.process import EmbeddedAWS
from repository import Repository

from lifecycle.aws import bucket, client, role, tag_number, tag_time
from lifecycle.endpoint import read_deployed_tags
from runner.spec.fingerprint import fingerprint, serving_fingerprint

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"


@pytest.fixture
def endpoint(aws: EmbeddedAWS) -> Iterator[Callable[..., None]]:
    """Create endpoints whose model never loads: only their tags matter here."""
    made: list[str] = []

    def create(name: str, **tags: str) -> None:
        sagemaker = client("sagemaker")
        sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": _empty_archive()},
            ExecutionRoleArn=role(),
        )
        variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "all", "ModelName": name, **variant}],
        )
        sagemaker.create_endpoint(
            EndpointName=name,
            EndpointConfigName=name,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        made.append(name)

    yield create
    sagemaker = client("sagemaker")
    for name in made:
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.config.delay, waiter.config.max_attempts = 1, 30
        with pytest.raises(Exception, match="Failed"):
            waiter.wait(EndpointName=name)
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)


def _empty_archive() -> str:
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:gz").close()
    client("s3").put_object(
        Bucket=bucket(), Key="tags/model.tar.gz", Body=packed.getvalue()
    )
    return f"s3://{bucket()}/tags/model.tar.gz"


def test_tags_are_read_of_the_projects_endpoints_only(
    endpoint: Callable[..., None],
) -> None:
    """An endpoint counts that carries content, and is owned by its own model."""
    endpoint("tagged", owner="tagged", fingerprint="f" * 64, commit="c" * 40)
    endpoint("tagged-blue", owner="tagged", fingerprint="f" * 64)
    endpoint("foreign", team="other")
    endpoint("elsewhere", owner="elsewhere")

    live = read_deployed_tags()

    expected = {"owner": "tagged", "fingerprint": "f" * 64, "commit": "c" * 40}
    assert live.get("tagged") == expected
    assert not live.keys() & {"tagged-blue", "foreign", "elsewhere"}


def test_select_on_main_asks_what_is_live(
    endpoint: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    invoke: Callable[..., Result],
) -> None:
    """With credentials in the environment the endpoints decide, beside the diff."""
    repository = Repository(tmp_path / "clone", ("live", "stale"))
    repository.commit()
    repository.commit("README.md")
    monkeypatch.chdir(repository.root)
    content = fingerprint(repository.root, "live")
    served = serving_fingerprint(repository.root, "live", content=content)
    endpoint("live", owner="live", fingerprint=content, deployment=served)
    endpoint("stale", owner="stale", fingerprint="0" * 64)

    assert "1 model affected" in invoke("select").output
    assert "stale\n  endpoint: serves 000000000000" in invoke("select").output
    assert "0 models affected" in invoke("select", "--branch", "feature").output


def test_select_on_main_goes_on_without_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Result]
) -> None:
    """Endpoints that cannot be read stop no tests and no deployment."""
    repository = Repository(tmp_path / "clone", ("abalone",))
    repository.commit()
    repository.commit("models/abalone/x")
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")

    result = invoke("select")

    assert result.exit_code == 0
    assert "models/abalone/x: in its folder" in result.output
    assert "note: live endpoints cannot be read" in result.output


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("v12", 0), ("1.0", 0), ("-1", 0), ("", 0)]
)
def test_a_version_that_is_no_number_is_unknown(text: str, number: int) -> None:
    """Somebody else may tag in another way."""
    assert tag_number({"version": text}) == number
    assert tag_number({}) == 0


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01"])
def test_a_time_that_is_none_is_unknown(text: str) -> None:
    """Instead of an error."""
    assert tag_time({"since": text}) is None


def test_a_time_without_a_zone_is_utc() -> None:
    """So that any two can be compared."""
    assert tag_time({"since": "2026-11-23"}) == datetime(2026, 11, 23, tzinfo=UTC)
