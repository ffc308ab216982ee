"""The template's notebooks, the whole way, as a person at a laptop runs them.

One of the models has an environment of its own, of older packages.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import clones
import laptops
import pytest
import raw_models
import toys
from embedded_aws import EmbeddedAWS
from locks import make_or_skip, pinned

from runner import STAGES

OWN = {"pandas": "2.2.3", "numpy": "1.26.4", "scikit-learn": "1.5.2"}
TELL = """\
import io, random, sys
import numpy, pandas, sklearn
from lifecycle.tabular.csv_cells import exact_floats
versions = [one.__version__ for one in (pandas, numpy, sklearn)]
numbers = [random.random() for _ in range(1000)]
written = io.StringIO("\\n".join(map(repr, numbers)))
read = pandas.read_csv(written, header=None, **exact_floats())[0]
print("\\n".join([*versions, sys.prefix, str(sum(read != numbers))]))"""

pytestmark = pytest.mark.slow

Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def fresh_aws() -> Iterator[EmbeddedAWS]:
    """An embedded AWS on which nothing has been trained yet."""
    with clones.start_aws() as embedded:
        clones.upload_rows(embedded)
        yield embedded


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with three models that use the shared notebooks.

    The binary one takes raw records. `older` is `size` in an environment of its own,
    where uv has its packages, or a network.
    """
    root = tmp_path_factory.mktemp("end-to-end") / "clone"
    clones.clone_template(root, "size", "large")
    clones.take_raw_records(root / "models" / "large")
    raw_models.use_image()
    with suppress(pytest.skip.Exception):
        write_older(root)
    return root


def write_older(root: Path) -> None:
    """Let `size` tell its packages, and write it again with older ones."""
    size, older = (root / "models" / name for name in ("size", "older"))
    path = size / "prepare.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"].insert(1, toys.code(TELL))
    path.write_text(json.dumps(notebook))
    written = root / "older"
    shutil.copytree(size, written)
    for name in ("model.yaml", "prepare.ipynb"):
        text = (written / name).read_text()
        for old in ("name: size", 'model: str = \\"size'):
            text = text.replace(old, old.replace("size", "older"))
        (written / name).write_text(text)
    shutil.copy(clones.ROOT / "requirements.in", root)
    asked = "".join(f"{name}=={version}\n" for name, version in OWN.items())
    (written / "requirements.in").write_text(asked)
    written.rename(older)
    try:
        # The run itself reaches no network.
        make_or_skip(root, "older")
    except pytest.skip.Exception:
        shutil.rmtree(older)
        raise


@pytest.fixture(scope="module")
def calls_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which every call is noted that was not to this machine."""
    return tmp_path_factory.mktemp("laptop") / "calls"


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What each call of the runner has said beside its outcomes."""
    return []


@pytest.fixture(scope="module")
def run(
    clone: Path, fresh_aws: EmbeddedAWS, calls_elsewhere: Path, printed: list[str]
) -> Callable[..., dict[str, Outcome]]:
    """Call `runner run` in the clone and return its outcomes by model.

    All that is set on this laptop leads elsewhere, where no call can go.
    """
    variables = laptops.variables(calls_elsewhere.parent) | {
        "PYTHONPATH": f"{clone}:{clones.ROOT / 'tests' / 'blocker'}",
        "CALLS_ELSEWHERE": str(calls_elsewhere),
    }

    def call(*arguments: str) -> dict[str, Outcome]:
        command = ("runner", "run", *arguments, "--json", "--target", "local")
        ended = clones.run(clone, fresh_aws, *command, variables=variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        printed.append(ended.stderr)
        return {one["model"]: one for one in json.loads(ended.stdout)}

    return call


@pytest.fixture(scope="module")
def first(run: Callable[..., dict[str, Outcome]]) -> dict[str, Outcome]:
    """The outcome of the first run of all models."""
    return run("--all")


@pytest.fixture(scope="module")
def second(
    run: Callable[..., dict[str, Outcome]], first: dict[str, Outcome]
) -> Outcome:
    """The outcome of training one model again on the same AWS."""
    return run("size", "--no-reuse")["size"]


@pytest.fixture(scope="module")
def told(clone: Path, first: dict[str, Outcome]) -> Callable[[str], list[str]]:
    """Return what the kernel of a model's prepare notebook has said of itself.

    A test is skipped where `older` cannot be.
    """
    if "older" not in first:
        pytest.skip("needs the network, or what it once gave")

    def read(model: str) -> list[str]:
        texts = [
            "".join(output["text"])
            for cell in kept(clone, model, "prepare.ipynb")["cells"]
            for output in cell.get("outputs", [])
            if output.get("name") == "stdout"
        ]
        return texts[0].splitlines()

    return read


def kept(clone: Path, model: str, name: str) -> Any:
    """Read what the last run has kept of a model."""
    return json.loads((clone / "build" / model / name).read_text())


def test_each_model_ran_with_its_own_versions(
    clone: Path, told: Callable[[str], list[str]]
) -> None:
    """Two that contradict in one command: the kernels say so, and the records."""
    *versions, prefix, _ = told("older")
    assert versions == [*OWN.values()]
    assert Path(prefix).parent == clone / ".environments"
    shared = dict(line.split("==") for line in pinned("pandas") if ";" not in line)
    assert told("size")[0] == shared["pandas"] != OWN["pandas"]
    for model, version in (("older", OWN["pandas"]), ("size", shared["pandas"])):
        assert kept(clone, model, "source.json")["dependencies"]["pandas"] == version


def test_both_kernels_were_warm(
    told: Callable[[str], list[str]], printed: list[str]
) -> None:
    """Nothing says that a kernel started cold."""
    assert not any("start cold" in text for text in printed)


def test_numbers_are_read_as_they_were_written(
    told: Callable[[str], list[str]],
) -> None:
    """pandas before 3.1 changes the last bit of every third one if it is not told."""
    assert [told(model)[-1] for model in ("older", "size")] == ["0", "0"]


def test_older_packages_give_the_same_model(
    clone: Path, told: Callable[[str], list[str]]
) -> None:
    """They split and write the same rows, and measure the same."""
    models = ("older", "size")
    own, shared = (kept(clone, one, "prepare.json")["results"] for one in models)
    for name in ("rows", "columns", "data_sha256", "test_sha256"):
        assert own[name] == shared[name]
    own, shared = (kept(clone, one, "train-register.json")["metrics"] for one in models)
    assert own == pytest.approx(shared, rel=1e-6)


def test_local_means_this_machine(
    first: dict[str, Outcome], calls_elsewhere: Path
) -> None:
    """No variable, profile or file of the laptop leads a call to another address."""
    assert {one["status"] for one in first.values()} == {"succeeded"}
    assert not calls_elsewhere.exists(), calls_elsewhere.read_text()


@pytest.mark.parametrize("model", ["size", "large"])
def test_every_stage_ran_and_left_its_notebook(
    clone: Path, first: dict[str, Outcome], model: str
) -> None:
    """All three stages of each model are in build/, as notebook, HTML and JSON."""
    names = {path.name for path in (clone / "build" / model).iterdir()}

    assert set(first[model]["seconds"]) == set(STAGES)
    assert {f"{s}.{e}" for s in STAGES for e in ("ipynb", "html", "json")} <= names


def test_each_task_has_its_metrics(first: dict[str, Outcome]) -> None:
    """They are those that gates may bound, and these models learn something."""
    size, large = (first[model]["results"]["metrics"] for model in ("size", "large"))

    assert size["r2"] > 0.9
    assert large["auc"] > 0.9
    assert {"rmse", "mae"} <= set(size)
    assert {"accuracy", "precision", "recall", "f1", "logloss"} <= set(large)


def test_a_second_run_registers_version_2_and_updates_in_place(
    first: dict[str, Outcome], second: Outcome
) -> None:
    """The endpoint keeps its name and gets another config and package."""
    before, now = first["size"]["results"], second["results"]

    assert (before["version"], now["version"]) == (1, 2)
    assert now["endpoint"] == before["endpoint"] == "size"
    assert now["endpoint_config"] != before["endpoint_config"]
    assert now["changed"]


def test_the_same_rows_give_the_same_model(
    clone: Path, first: dict[str, Outcome], second: Outcome
) -> None:
    """Nothing in the pipeline depends on the run, and its review says so."""
    before, now = first["size"]["results"], second["results"]

    assert now["metrics"] == before["metrics"]
    assert now["data_sha256"] == before["data_sha256"]
    review = json.loads((clone / "build" / "size" / "review.json").read_text())
    answers = {one["metric"]: one["answer"] for one in review["comparison"]}
    assert set(answers.values()) == {"no detectable difference"}
    assert set(answers) == {"rmse", "mae", "r2"}
    assert (review["compared_rows"], review["left_out_rows"]) == (
        now["rows"]["test"],
        0,
    )
    assert {one["answer"] for one in review["drift"]} == {"no drift"}


def test_nothing_unchanged_is_trained_again(
    run: Callable[..., dict[str, Outcome]], second: Outcome
) -> None:
    """The registered package and what is live are what this content needs."""
    before, now = second["results"], run("size")["size"]["results"]

    assert now["training_job"] == before["training_job"]
    assert now["version"] == before["version"]
    assert not now["changed"]


def test_deploy_alone_finds_what_it_needs(
    run: Callable[..., dict[str, Outcome]], second: Outcome
) -> None:
    """The registry and S3 are enough, and what is live already stays."""
    again = run("size", "--stage", "deploy", "--no-reuse")["size"]["results"]

    assert again["version"] == 2
    assert not again["changed"]
    assert again["predictions"] == second["results"]["predictions"]


def test_an_endpoint_takes_raw_records(
    first: dict[str, Outcome], fresh_aws: EmbeddedAWS, clone: Path
) -> None:
    """It makes their features as prepare did, and its page says how to ask it."""
    runtime = clones.connect(fresh_aws, "sagemaker-runtime")
    rows = first["large"]["results"]["raw"]["test"].removeprefix("s3://")
    bucket, _, key = rows.partition("/")
    s3 = clones.connect(fresh_aws, "s3")
    lines = s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()[:5]
    assert set(json.loads(lines[0])) == {"width", "height", "colour"}
    answer = runtime.invoke_endpoint(
        EndpointName="large",
        ContentType="application/jsonlines",
        Accept="text/csv",
        Body=b"\n".join(lines),
    )
    predicted = [one["prediction"] for one in first["large"]["results"]["predictions"]]
    assert [float(one) for one in answer["Body"].read().split()] == predicted
    page = (clone / "build" / "large" / "deploy.html").read_text()
    assert "aws sagemaker-runtime invoke-endpoint --endpoint-name large" in page


def test_the_evidence_is_in_s3_too(
    first: dict[str, Outcome], fresh_aws: EmbeddedAWS
) -> None:
    """What is in build/ can be read back from the run's prefix."""
    train = first["large"]["results"]["train"]
    bucket, _, key = train.removeprefix("s3://").partition("/")
    prefix = key.removesuffix("train/train.csv") + "evidence/"
    s3 = clones.connect(fresh_aws, "s3")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]

    names = {one["Key"].removeprefix(prefix) for one in found}
    assert {f"{stage}.html" for stage in STAGES} <= names
