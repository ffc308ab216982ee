"""The sample with a script, raw records and an environment of its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clones
import pytest
from botocore.exceptions import ClientError
from embedded_aws import EmbeddedAWS, images

MODEL = "models/penguins"
# Why uv could not get a package, where there is no network.
OFFLINE = re.compile("Network connectivity|error sending request|dns")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (clones.ROOT / MODEL / "model.yaml").is_file(),
        reason=f"{MODEL} was removed",
    ),
]


@pytest.fixture(scope="module")
def samples_aws() -> Iterator[EmbeddedAWS]:
    """An embedded AWS of the sample's own."""
    with clones.start_aws() as embedded:
        yield embedded


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, samples_aws: EmbeddedAWS) -> Path:
    """A clone with the sample, whose data are uploaded and whose environment is made.

    That environment has the versions of the image, and stands for it.
    """
    root = tmp_path_factory.mktemp("penguins") / "clone"
    clones.copy_checkout(root, *clones.TEMPLATE, "requirements.in", MODEL)
    made = clones.run(root, samples_aws, "runner", "environment", "penguins")
    if OFFLINE.search(made.stderr):
        pytest.skip(f"needs the network, or what it once gave: {made.stderr}")
    assert made.returncode == 0, made.stderr
    images.use_environment("sklearn:1.9-0", Path(made.stdout.split()[-1]))
    command = ("runner", "upload", "penguins", f"{MODEL}/penguins.csv")
    sent = clones.run(root, samples_aws, *command, "--target", "local")
    assert sent.returncode == 0, sent.stderr
    return root


@pytest.fixture(scope="module")
def results(clone: Path, samples_aws: EmbeddedAWS) -> dict[str, Any]:
    """What its stages return, in a run of all of them."""
    command = ("runner", "run", "penguins", "--target", "local", "--json")
    ended = clones.run(clone, samples_aws, *command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (one,) = json.loads(ended.stdout)
    found: dict[str, Any] = one["results"]
    return found


def ask(
    aws: EmbeddedAWS, body: str, kind: str, accept: str = "application/json"
) -> str:
    """Return what the endpoint answers."""
    answer = clones.connect(aws, "sagemaker-runtime").invoke_endpoint(
        EndpointName="penguins", ContentType=kind, Accept=accept, Body=body
    )
    text: str = answer["Body"].read().decode()
    return text


def test_it_is_as_good_as_promised(results: dict[str, Any]) -> None:
    """Its metrics are those of its README."""
    metrics = results["metrics"]

    assert metrics["balanced_accuracy"] == pytest.approx(0.980, abs=5e-4)
    assert metrics["recall of Chinstrap"] == pytest.approx(0.941, abs=5e-4)


def test_its_endpoint_answers_what_a_client_knows(
    results: dict[str, Any], clone: Path, samples_aws: EmbeddedAWS
) -> None:
    """The README's request: a record in JSON, without what was not measured."""
    readme = (clone / MODEL / "README.md").read_text()
    (body,) = re.findall(r"Body='(.+)'", readme)

    (answer,) = json.loads(ask(samples_aws, body, "application/json"))["predictions"]

    assert answer["label"] == "Adelie"
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert list(answer["probabilities"]) == ["Adelie", "Chinstrap", "Gentoo"]


def test_raw_csv_gives_the_same_predictions(
    results: dict[str, Any], clone: Path, samples_aws: EmbeddedAWS
) -> None:
    """The rows of the file as they are, but for what is no measurement."""
    lines = (clone / MODEL / "penguins.csv").read_text().splitlines()
    head, *rows = [line.split(",") for line in lines]
    kept = [head.index(name) for name in head if name[-3:] in ("_mm", "y_g", "sex")]
    names = [head[place] for place in kept]
    cells = [[row[place] for place in kept] for row in rows]
    text = "\n".join(",".join(row) for row in [names, *cells])
    # An empty cell is left out of JSON.
    records = [
        {n: c if n == "sex" else float(c) for n, c in zip(names, row, strict=True) if c}
        for row in cells
    ]

    by_csv = ask(samples_aws, text, "text/csv", "text/csv")
    by_json = ask(samples_aws, json.dumps(records), "application/json", "text/csv")

    assert by_csv == by_json
    assert len(by_csv.splitlines()) == len(rows) == 344


def test_a_value_that_is_none_is_refused_in_words(
    results: dict[str, Any], samples_aws: EmbeddedAWS
) -> None:
    """By the model's own features.py, with the status of a wrong request."""
    with pytest.raises(ClientError, match="neither female nor male") as refused:
        ask(samples_aws, '{"sex": "hen"}', "application/json")

    assert refused.value.response["OriginalStatusCode"] == 400
