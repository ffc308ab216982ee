"""A model with features.py answers raw records as its notebook did, or is undone."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import raw_models
from botocore.exceptions import ClientError
from embedded_aws.process import EmbeddedAWS
from model_packages import delete_endpoint, make_package, new_name, serve
from raw_models import COLUMNS, Version
from sagemaker_xgboost import archive

from lifecycle.approval import approve
from lifecycle.aws import client
from lifecycle.data import read_raw, read_split, read_test, split, write_splits
from lifecycle.deploy import roll_back
from lifecycle.errors import EndpointError
from lifecycle.evaluation import predict_as_served, score_live
from lifecycle.invocation import invoke, read_golden
from lifecycle.registration.packages import Package
from lifecycle.registry import create_package, register
from lifecycle.s3 import read_archive, write_bytes

pytestmark = [
    # The SDK's own docstrings have invalid escapes, seen when it is compiled.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
    # The SDK leaves the folder of its drivers to be removed when it is forgotten.
    pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning"),
]
JSON = "application/json"


@pytest.fixture(scope="module")
def served(
    module_aws: EmbeddedAWS, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Version]:
    """A deployed version with more than a thousand test rows."""
    raw_models.use_image()
    model = new_name()
    folder = raw_models.write_model(tmp_path_factory.mktemp("models") / model)
    version = raw_models.make_version(model, "r1", folder, count=4600)
    serve(version.package)
    yield version
    delete_endpoint(model)


def ask(
    version: Version,
    body: Any,
    kind: str = "application/json",
    accept: str = "text/csv",
) -> str:
    """Send a request as a client does."""
    answer = client("sagemaker-runtime").invoke_endpoint(
        EndpointName=version.package.model, Body=body, ContentType=kind, Accept=accept
    )
    return answer["Body"].read().decode()


def numbers(text: str) -> list[float]:
    """Read an answer in CSV."""
    return [float(line) for line in text.splitlines()]


def as_csv(records: Any, *, header: bool) -> str:
    """Write records as clients write CSV."""
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS)
    if header:
        writer.writeheader()
    writer.writerows(records)
    return target.getvalue()


def test_a_thousand_raw_rows_have_the_notebooks_predictions(served: Version) -> None:
    """JSON, JSON lines and CSV agree with the notebook to a millionth."""
    records, expected = served.records[:1000], served.predictions[:1000].tolist()
    assert len(records) == 1000
    close = pytest.approx(expected, rel=1e-6, abs=1e-6)

    assert invoke(served.package.model, records) == close
    lines = "\n".join(json.dumps(one, ensure_ascii=False) for one in records)
    for body, kind in [
        (json.dumps({"instances": list(records)}), "application/json"),
        (lines, "application/jsonlines"),
        (as_csv(records, header=True), "text/csv; charset=utf-8"),
        (as_csv(records, header=False), "text/csv"),
    ]:
        assert numbers(ask(served, body.encode(), kind)) == close
    assert len(set(expected)) > 100


def test_a_record_alone_has_the_same_answer(served: Version) -> None:
    """Whatever else the request holds, and whatever is missing."""
    for record, expected in zip(served.records[:3], served.predictions, strict=False):
        assert numbers(ask(served, json.dumps(record))) == [pytest.approx(expected)]
    record = served.records[0]
    alone = numbers(ask(served, json.dumps(record)))
    beside = numbers(ask(served, json.dumps([record, {"sex": "größer"}, {}])))
    assert beside[:1] == alone
    # A key that is missing is a missing value.
    known = {name: cell for name, cell in record.items() if name != "length"}
    assert numbers(ask(served, json.dumps(known))) == numbers(
        ask(served, json.dumps(known | {"length": None}))
    )


def test_json_says_more_than_a_number(served: Version) -> None:
    """As the built-in algorithm's answers in JSON."""
    body = json.dumps(served.records[:2])
    found = json.loads(ask(served, body, accept="application/json"))
    scores = [one["score"] for one in found["predictions"]]
    assert scores == pytest.approx(served.predictions[:2].tolist())


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        ('{"lenght": 1}', "application/json", 400, "record 0: 'lenght' is no column"),
        ('{"length": "long"}', "application/json", 400, "'length' is 'long', not a nu"),
        ("sex,lenght\nF,1\n", "text/csv", 400, "the first line: 'lenght' is no column"),
        ("F,1,2\n", "text/csv", 400, "record 0: 3 cells for 4 columns"),
        ("F,long,2,true\n", "text/csv", 400, "'length' is 'long', not a number"),
        ("", "application/json", 400, "no records"),
        ("[", "application/json", 400, "the body is not JSON"),
        (b"\xff", "text/csv", 400, "not UTF-8"),
        ("{}", "application/xml", 415, "application/xml: not supported; send"),
    ],
)
def test_a_wrong_request_is_refused_in_words(
    served: Version, body: Any, kind: str, status: int, said: str
) -> None:
    """The client sees which record and which column."""
    with pytest.raises(ClientError) as caught:
        ask(served, body, kind)
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == status
    assert said in response["OriginalMessage"]
    assert len(response["OriginalMessage"].splitlines()) == 1


def test_golden_records_are_raw(served: Version) -> None:
    """They are what a client would send, and the features keep their names."""
    golden = read_golden(served.package.model, served.package.metadata)
    assert golden is not None
    assert list(golden.rows) == served.records[:10]
    assert list(golden.columns) == raw_models.NAMES
    containers = client("sagemaker").describe_model_package(
        ModelPackageName=served.package.arn
    )["InferenceSpecification"]
    assert containers["SupportedContentTypes"] == [
        "application/json",
        "application/jsonlines",
        "text/csv",
    ]


def test_the_endpoint_is_asked_raw_records_of_the_test_rows(served: Version) -> None:
    """A deploy notebook asks what clients ask."""
    truth, asked = read_test(served.prepared["test"])
    assert asked == served.records
    assert len(truth) == len(asked)


def test_a_live_model_is_compared_on_raw_records(
    served: Version, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets its own raw columns; without any the reason is said."""
    model = served.package.model
    rows = read_split(served.prepared["test"], served.prepared["columns"])[:100]

    def measure(truth: Any, prediction: Any) -> dict[str, float]:
        return {"mae": float(abs(truth - prediction).mean())}

    score = score_live(
        model, rows, served.predictions[:100], measure=measure, raw=served.records[:100]
    )
    assert score is not None
    assert score.rows == 100
    assert score.predictions == pytest.approx(served.predictions[:100])
    assert score.comparisons["mae"].difference.value == pytest.approx(0)
    score = score_live(model, rows, served.predictions[:100], measure=measure)
    assert "takes raw records, and there are none" in str(score)


def with_other_code(version: Version, name: str, change: tuple[str, str]) -> Package:
    """Register the model of a version with other code, but with its golden records."""
    known = version.package.metadata
    content = read_archive(version.job.model_data)
    code = dict(archive.members(content))["code/features.py"].decode()
    assert change[0] in code
    other = {"code/features.py": code.replace(*change).encode()}
    uri = write_bytes(
        f"{version.job.model_data}.{name}",
        archive.with_files(content, other),
    )
    package = create_package(
        version.package.model,
        image=version.job.image,
        model_data=uri,
        program=version.job.program,
        metrics={"rmse": 1.0},
        metadata={
            "fingerprint": "e" * 64,
            "run_id": "r2",
            "training_job": "other",
            "golden": known["golden"],
            "golden_sha256": known["golden_sha256"],
        },
    )
    return approve(version.package.model, arn=package.arn)


def test_code_that_answers_otherwise_is_undone(
    served: Version, aws: EmbeddedAWS
) -> None:
    """What was live before is live again."""
    package = with_other_code(served, "other", ('UNITS["mm"]', "0.002"))
    said = "predicts .* for golden row .*, where training.*put back, live now"
    with pytest.raises(EndpointError, match=f"(?s){said}"):
        serve(package)
    found = invoke(served.package.model, served.records[:3])
    assert found == pytest.approx(served.predictions[:3].tolist())


def test_a_version_of_numbers_is_rolled_back_from_and_to(
    model: str, tmp_path: Path
) -> None:
    """Each is verified by the golden records that it takes."""
    raw_models.use_image()
    folder = raw_models.write_model(tmp_path / model)
    raw = raw_models.make_version(model, "r1", folder)
    serve(raw.package)
    numeric = make_package(model)
    serve(numeric)
    assert len(invoke(model, [[1.0, 2.0]])) == 1
    assert roll_back(model).version == 1
    assert invoke(model, raw.records[:2]) == pytest.approx(raw.predictions[:2].tolist())
    assert roll_back(model, to=2).version == 2
    assert len(invoke(model, [[1.0, 2.0]])) == 1


def test_classes_are_named(model: str, tmp_path: Path) -> None:
    """The endpoint of several classes says which one, and how probable each is."""
    raw_models.use_image()
    folder = raw_models.write_model(tmp_path / model)
    transform = raw_models.load_features(folder).transform
    raw = raw_models.make_rows(300)[COLUMNS]
    table = transform(raw)
    table.insert(0, "size", pd.cut(raw["length"].fillna(0), 3, labels=False))
    run: Any = {"run_id": "r1", "task": "multiclass", "fingerprint": "f", "gates": {}}
    names = ["small", "middling", "große"]
    run["prepare"] = prepared = write_splits(
        model,
        run,
        split(table, key=raw, held_out=0.5),
        classes=names,
        raw=raw,
        transform=transform,
    )
    job = raw_models.train(
        model, "r1", prepared, objective="multi:softprob", num_class="3"
    )
    records = read_raw(prepared) or []
    predictions = predict_as_served(job, [], records)
    assert predictions.shape == (len(records), 3)
    package = register(model, run, job, metrics={"f1": 1}, golden=([], predictions))
    serve(approve(model, arn=package.arn))
    answer = client("sagemaker-runtime").invoke_endpoint(
        EndpointName=model, Body=json.dumps(records[0]), ContentType=JSON
    )
    (found,) = json.loads(answer["Body"].read())["predictions"]
    assert found["score"] == pytest.approx(predictions[0].tolist())
    assert found["label"] == names[predictions[0].argmax()]
    assert list(found["probabilities"]) == names


def test_a_script_gets_the_features_of_raw_records(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It copies nothing: its folder, features.py and the lock's absence are ours.

    What it raises is told in a line.
    """
    raw_models.use_image("sklearn:1.9-0")
    folder = raw_models.write_model(tmp_path / model)
    raises = '    if len(rows) == 7:\n        raise LookupError("seven")\n    assert'
    script = raw_models.SCRIPT.replace("    assert", raises)
    (folder / "train.py").write_text(script)
    (folder / "requirements.in").write_text("for the notebooks\n")
    (folder / "requirements.txt").write_text("no-such-package==1\n")
    monkeypatch.chdir(folder)
    prepared = raw_models.prepare(model, "r1", folder)
    job = raw_models.train_script(model, "r1", prepared, "train.py")
    records = read_raw(prepared)
    predictions = predict_as_served(job, [], records)
    run: Any = {"run_id": "r1", "fingerprint": "f", "gates": {}, "prepare": prepared}
    package = register(model, run, job, metrics={"rmse": 1}, golden=([], predictions))
    serve(approve(model, arn=package.arn))
    assert invoke(model, records) == pytest.approx(predictions.tolist(), rel=1e-6)
    with pytest.raises(ClientError, match=r'\(500\).*"train.py: LookupError: seven"'):
        client("sagemaker-runtime").invoke_endpoint(
            EndpointName=model, Body=json.dumps([{}] * 7), ContentType=JSON
        )
    names = dict(archive.members(read_archive(job.model_data))).keys()
    assert {"code/train.py", "code/features.py", "code/units.json"} <= names
    assert not {"code/requirements.txt", "code/prepare.ipynb"} & names
