"""A multiclass model the whole way, with the template's notebooks: twice, and refused.

Its labels are texts with letters that no key of AWS takes.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import clones
import pytest
import yaml
from embedded_aws import EmbeddedAWS
from recompute import recompute, shown_of

pytestmark = pytest.mark.slow

FIRST, MEDIUM, LAST = clones.CLASSES


@pytest.fixture(scope="module")
def account() -> Iterator[EmbeddedAWS]:
    """An embedded AWS of its own."""
    with clones.start_aws() as embedded:
        clones.upload_rows(embedded)
        yield embedded


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with the model `kind`, which uses the shared notebooks."""
    root = tmp_path_factory.mktemp("multiclass") / "clone"
    clones.clone_template(root, "kind")
    return root


@pytest.fixture(scope="module")
def run(clone: Path, account: EmbeddedAWS) -> Callable[..., dict[str, Any]]:
    """Edit model.yaml, run the model and return its outcome."""
    path = clone / "models" / "kind" / "model.yaml"

    def call(old: str = "", new: str = "") -> dict[str, Any]:
        path.write_text(path.read_text().replace(old, new))
        ended = clones.run(clone, account, "runner", "run", "kind", "--json")
        (outcome,) = json.loads(ended.stdout)
        return dict(outcome)

    return call


@pytest.fixture(scope="module")
def first(run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The outcome of the first run."""
    return run()


@pytest.fixture(scope="module")
def second(run: Callable[..., dict[str, Any]], first: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a run with more rounds."""
    return run("num_round: 10", "num_round: 20")


@pytest.fixture(scope="module")
def review(clone: Path, second: dict[str, Any]) -> dict[str, Any]:
    """The review of the second run."""
    found: dict[str, Any] = json.loads((clone / "build/kind/review.json").read_text())
    return found


def test_each_answer_of_the_endpoint_names_its_class(
    first: dict[str, Any], account: EmbeddedAWS
) -> None:
    """In a deploy's results, and in golden records, which say the order of numbers."""
    assert first["status"] == "succeeded", first["error"]
    answer = first["results"]["predictions"][0]
    runtime = clones.connect(account, "sagemaker-runtime")
    package = clones.connect(account, "sagemaker").describe_model_package(
        ModelPackageName=first["results"]["package"]
    )
    known = package["CustomerMetadataProperties"]
    bucket, _, key = known["golden"].removeprefix("s3://").partition("/")
    s3 = clones.connect(account, "s3")
    golden = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    body = ",".join(map(str, golden["rows"][0]))
    found = runtime.invoke_endpoint(
        EndpointName="kind", ContentType="text/csv", Body=body
    )
    numbers = [float(one) for one in found["Body"].read().decode().split(",")]
    assert numbers == pytest.approx(golden["predictions"][0])
    assert golden["classes"] == list(clones.CLASSES)
    named = dict(zip(clones.CLASSES, numbers, strict=True))
    assert answer["prediction"] == max(named, key=lambda name: named[name])
    assert answer[f"probability of {LAST}"] == pytest.approx(named[LAST])
    assert answer["truth"] in clones.CLASSES
    # SageMaker's metadata takes neither `&` nor brackets.
    assert known["classes"] == "3 in golden.json"
    assert f"metric.recall of {FIRST}" in known
    assert "metric.recall of small =26 flat =28s=29" in known
    assert f"recall of {LAST}" in first["results"]["metrics"]


def test_what_it_shows_is_computed_again_without_this_repository(
    clone: Path, account: EmbeddedAWS, second: dict[str, Any]
) -> None:
    """Metrics, the confusion matrix, SHAP values and the largest errors."""
    s3, folder = clones.connect(account, "s3"), clone / "build" / "kind"

    def read(uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    spec = yaml.safe_load((clone / "models" / "kind" / "model.yaml").read_text())
    expected, shown = recompute(folder, read, spec), shown_of(folder)

    near = partial(pytest.approx, rel=1e-5, abs=1e-6)
    assert shown["metrics"] == near(expected["metrics"])
    assert shown["confusion_matrix"]["counts"] == expected["confusion_matrix"]
    for name, place, values in (
        ("features", "importance", expected["shap"]),
        ("worst", "of the truth", expected["worst"].tolist()),
    ):
        column = shown[name]["columns"].index(place)
        assert [row[column] for row in shown[name]["rows"]] == near(values)


def test_a_second_version_is_compared_class_by_class(
    second: dict[str, Any], review: dict[str, Any]
) -> None:
    """With the live one, by all metrics, and the page tells each class."""
    assert second["status"] == "succeeded", second["error"]
    assert (review["live_version"], review["version"]) == (1, 2)
    assert review["compared_rows"] == review["test_rows"]
    answers = {one["metric"]: one["answer"] for one in review["comparison"]}
    assert "not comparable" not in {answers["logloss"], answers["balanced_accuracy"]}
    named = {one["class"]: one for one in review["classes"]["classes"]}
    assert set(named) == set(clones.CLASSES)
    for name, one in named.items():
        assert one["rows"] == sum(one["taken_for"].values()) > 0
        recall, *_ = one["metrics"]
        assert recall["value"] == one["taken_for"][name] / one["rows"]
        assert recall["live"] is not None
    judged = {(one["metric"], one["verdict"]) for one in review["gates"]}
    assert (f"recall of {FIRST}", "passed") in judged


def test_a_gate_on_one_class_keeps_a_version_from_being_registered(
    run: Callable[..., dict[str, Any]], second: dict[str, Any], clone: Path
) -> None:
    """And the page says which."""
    refused = run("{min: 0.6}", "{min: 1.5}")

    assert refused["status"] == "failed"
    review = json.loads((clone / "build" / "kind" / "review.json").read_text())
    assert review["verdict"] == "cannot-be-approved"
    assert f"recall of {FIRST}" in review["because"]
    assert "is below 1.5" in review["because"]
    assert "Version 2 stays live." in review["because"]
