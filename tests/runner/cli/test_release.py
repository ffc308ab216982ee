"""`runner status`."""

import json
from collections.abc import Iterator

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import start

from lifecycle.aws import client
from lifecycle.deploy import deploy, roll_back
from lifecycle.endpoint import ensure_config, read_state
from lifecycle.errors import EndpointError
from lifecycle.registry import Package, find_package
from lifecycle.status import survey
from packages import ENDPOINT, delete_endpoint, make_package
from runner.spec.fingerprint import fingerprint

MODEL = "toy"


@pytest.fixture(autouse=True)
def own_aws(repo, monkeypatch) -> Iterator[object]:
    """An embedded AWS of the test's own: it asks for all that there is."""
    monkeypatch.chdir(repo)
    with start() as embedded:
        for name, value in embedded.environment.items():
            monkeypatch.setenv(name, value)
        yield embedded


@pytest.fixture
def status(invoke):
    """Give the row of the model, as all models' and as its own."""

    def rows() -> tuple[dict, dict]:
        found = []
        for arguments in ([], [MODEL]):
            answer = invoke("status", *arguments, "--json")
            assert answer.exit_code == 0, answer.output
            found += json.loads(answer.stdout)
        return tuple(found)

    return rows


def serve(package: Package) -> None:
    """Deploy without a word."""
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=str)


def test_each_step_from_nothing_to_in_sync_is_told(repo, status):
    """Trained, approved, live: what is missing is the reason."""
    content = fingerprint(repo, MODEL)
    told = [[row["why"] for row in status()]]
    package = make_package(MODEL, fingerprint=content, approved=False)
    told.append([row["why"] for row in status()])
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus="Approved"
    )
    told.append([row["why"] for row in status()])
    serve(package)

    assert told == [
        ["nothing is registered: train it"] * 2,
        ["version 1 waits for approval"] * 2,
        ["version 1 is approved: deploy it"] * 2,
    ]
    for row in status():
        assert row["in_sync"]
        assert row["live"]["commit"] == package.commit
        assert row["live"]["run_id"] == package.run_id
        assert row["live"]["since"].startswith("20")
    delete_endpoint(MODEL)


def test_other_content_and_a_rollback_are_told(repo, status):
    """Out of sync on purpose is something else than out of sync."""
    content = fingerprint(repo, MODEL)
    serve(make_package(MODEL))
    expected = "live version 1 has other content: train it"
    assert {row["why"] for row in status()} == {expected}

    serve(make_package(MODEL, fingerprint=content))
    assert status()[0]["in_sync"]

    roll_back(MODEL, wait_seconds=60, on_progress=str)
    expected = (
        "rolled back to version 1: fix this content and merge, or go forward again: "
        "python -m runner rollback toy --to 2"
    )
    assert {row["why"] for row in status()} == {expected}
    delete_endpoint(MODEL)


def test_a_version_that_did_not_make_it_is_told(repo, status, own_aws):
    """What is live stays as it was and since when; the next step is another one."""
    serve(make_package(MODEL))
    since = {row["live"]["since"] for row in status()}
    make_package(MODEL, fingerprint=fingerprint(repo, MODEL))
    why = "live version 1 has other content; version 2 is approved"
    assert {row["why"] for row in status()} == {f"{why}: deploy it"}

    own_aws.inject(Fault(kind="ping-failure", name=MODEL))
    with pytest.raises(EndpointError):
        serve(find_package(MODEL, 2))

    every, own = status()
    failed = f"{why}, but its last deploy did not make it live: "
    assert every["why"] == f"{failed}the log of that deploy says why"
    assert own["why"].startswith(f"{failed}The primary container")
    assert {row["live"]["since"] for row in (every, own)} == since
    serve(find_package(MODEL, 2))
    assert {row["why"] for row in status()} == {""}
    delete_endpoint(MODEL)


def test_an_update_that_was_undone_leaves_what_was_verified(repo, status, own_aws):
    """The endpoint has changed since, but serves what it served."""
    serve(make_package(MODEL, fingerprint=fingerprint(repo, MODEL)))
    own_aws.inject(Fault(kind="ping-failure", name=MODEL))
    with pytest.raises(EndpointError):
        serve(make_package(MODEL, factor=2.0))

    assert [row["in_sync"] for row in status()] == [True, True]
    delete_endpoint(MODEL)


def test_somebody_elses_endpoint_is_no_error(repo, status):
    """Its tags are those of another tool; what it serves is not known."""
    package = make_package(MODEL, fingerprint="e" * 64)
    now = deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=str)
    foreign = {"version": "v2.1", "since": "yesterday", "attempted": "main"}
    tags = [{"Key": key, "Value": value} for key, value in foreign.items()]
    sagemaker = client("sagemaker")
    for arn in (now.arn, now.config_arn):
        sagemaker.add_tags(ResourceArn=arn, Tags=tags)
    group = sagemaker.describe_model_package_group(ModelPackageGroupName=MODEL)
    sagemaker.add_tags(ResourceArn=group["ModelPackageGroupArn"], Tags=tags)

    every, own = status()

    assert every["live"]["version"] == own["live"]["version"] == 0
    assert every["live"]["since"] == own["live"]["since"]
    assert every["newest"] is None
    delete_endpoint(MODEL)


def test_what_no_deploy_has_verified_is_told(repo, status, own_aws):
    """An update that goes on without its deploy, and what it leaves."""
    serve(make_package(MODEL, fingerprint=fingerprint(repo, MODEL)))
    other = make_package(MODEL, fingerprint=fingerprint(repo, MODEL), factor=2.0)
    config = ensure_config(other, ENDPOINT)
    slow = own_aws.inject(Fault(kind="endpoint-slow", seconds=30))
    client("sagemaker").update_endpoint(EndpointName=MODEL, EndpointConfigName=config)
    assert {row["why"] for row in status()} == {"the endpoint is Updating"}

    own_aws.clear(slow)
    waiter = client("sagemaker").get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=MODEL, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert read_state(MODEL).version == 2
    expected = "the endpoint has changed since a deploy verified it"
    assert {row["why"] for row in status()} == {expected}
    delete_endpoint(MODEL)


def test_people_get_a_table(invoke):
    """With the reasons below it."""
    answer = invoke("status")

    assert answer.exit_code == 0
    assert answer.stdout.endswith("toy: nothing is registered: train it\n")


def test_a_table_says_what_is_of_this_content(invoke):
    """Another content's package is not shown as this one's; times are in UTC."""
    serve(make_package(MODEL, commit="c0ffee" * 6 + "-dirty"))
    since = f"{live(MODEL).since:%Y-%m-%d %H:%M} UTC"

    (row,) = (
        line.split("  ")
        for line in invoke("status").stdout.splitlines()
        if "InService" in line
    )
    cells = [cell.strip() for cell in row if cell]

    assert cells[:5] == [MODEL, "-", "1 InService", since, "c0ffeec-dirty"]
    delete_endpoint(MODEL)


def test_the_number_of_calls_is_that_of_pages(own_aws):
    """With 230 models, none of them live yet, it is a dozen calls."""
    sagemaker = client("sagemaker")
    for number in range(230):
        name = f"many-{number}"
        tags = {"owner": name, "version": "1", "since": "2026-01-01T00:00:00+00:00"}
        sagemaker.create_model_package_group(
            ModelPackageGroupName=name,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        sagemaker.create_model_package(ModelPackageGroupName=name)
    calls: list[str] = []

    def count(request: object, operation_name: str, **_: object) -> None:
        calls.append(operation_name)

    services = ("sagemaker", "resourcegroupstaggingapi")
    for service in services:
        client(service).meta.events.register("before-sign", count, unique_id="count")
    found = survey()
    for service in services:
        client(service).meta.events.unregister("before-sign", unique_id="count")

    assert len(found) == 230
    assert {state.newest.status for state in found.values()} == {
        "PendingManualApproval"
    }
    # Moto's pages hold 100 tags, where AWS's hold 100 resources: 7 for the groups.
    assert sorted(calls) == [
        *["GetResources"] * 8,
        "ListEndpoints",
        *["ListModelPackages"] * 3,
    ]
