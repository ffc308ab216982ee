"""What a run left in its folder, as the review page reads it."""

import base64

import pytest
import reviews
import toys

from runner.notebook import ipynb
from runner.review.evidence import read_evidence

SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"


def plot(heading, content=reviews.PIXEL, *tags, mime="image/png"):
    data = {"output_type": "display_data", "metadata": {}, "data": {mime: content}}
    return [toys.text(f"## {heading}"), toys.code("plot()", *tags, outputs=[data])]


@pytest.fixture
def headings(folder, read):
    """Return the headings of the figures of a training notebook with these cells."""

    def figures_of(*cells):
        reviews.write_training(folder, reviews.evaluation(), cells=list(cells))
        return [one.heading for one in read().figures()]

    return figures_of


def test_a_folder_without_files_is_no_error(read):
    """AWS may refuse a call before the first notebook."""
    evidence = read()

    assert evidence.records == {}
    assert evidence.figures() == []
    assert evidence.version is None


def test_notebooks_in_memory_are_not_read_again(folder):
    """The runner hands on what it has archived just now."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    archived = ipynb.read(folder / "train-register.ipynb")
    (folder / "train-register.ipynb").write_text("not a notebook")

    evidence = read_evidence(folder, "toy", {"train-register": archived})

    assert evidence.metrics == {"rmse": 2.0}
    assert len(evidence.figures()) == 1


def test_figures_of_tagged_cells_are_shown(headings):
    """A notebook may choose them with the tag `review`."""
    assert headings(*plot("One"), *plot("Two", reviews.PIXEL, "review")) == ["Two"]


def test_without_a_tag_all_figures_are_shown(headings):
    """A notebook need not know of the page."""
    assert headings(*plot("One"), *plot("Two")) == ["One", "Two"]


def test_without_a_training_the_last_stages_figures_are_shown(folder, read):
    """For instance those of `prepare` if the next stage has not run."""
    reviews.write_stage(folder, "prepare", results={}, cells=plot("Rows"))

    assert [one.heading for one in read().figures()] == ["Rows"]


@pytest.mark.parametrize(
    "content",
    [
        '"><script>alert(1)</script>',
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        "not base64",
        "",
    ],
)
def test_an_output_that_only_claims_to_be_an_image_is_left_out(headings, content):
    """The first bytes have to be those of its kind."""
    assert headings(*plot("One", content)) == []


@pytest.mark.parametrize(
    ("mime", "first"), [("image/gif", b"GIF89a"), ("image/webp", b"RIFF....WEBP")]
)
def test_moving_pictures_are_figures_too(headings, mime, first):
    """Browsers show them by themselves."""
    content = base64.b64encode(first).decode()

    assert headings(*plot("One", content, mime=mime)) == ["One"]


def test_an_svg_is_left_out(headings):
    """It may hold scripts, so it stays in the notebook's own page."""
    assert headings(*plot("One", SVG, mime="image/svg+xml")) == []


def test_prepared_data_is_known_without_its_stage(folder, read):
    """A training alone gets the results of an earlier `prepare` in `run`."""
    rows = {"train": "s3://bucket/train.csv", "data_sha256": "d" * 64}
    parameters = {"run": {"prepare": rows}}
    reviews.write_training(folder, reviews.evaluation(), parameters=parameters)

    assert read().prepared == rows


def test_prepared_data_is_known_from_parameters_of_their_own(folder, read):
    """A notebook may name `train` itself and take no `run`."""
    parameters = {"train": "s3://bucket/train.csv"}
    reviews.write_training(folder, reviews.evaluation(), parameters=parameters)

    assert read().prepared["train"] == "s3://bucket/train.csv"


def test_the_version_is_the_deployed_one(folder, read):
    """A deploy takes the newest approved version, not the one just registered."""
    reviews.write_training(folder, reviews.evaluation())
    deployed = {"endpoint": "toy", "version": 1, "package": "arn:aws:p/toy/1"}
    reviews.write_stage(folder, "deploy", results=deployed)

    assert read().version == 1
    assert read().registered["package"] == "arn:aws:p/toy/1"
    assert "training_job" not in read().registered


def test_a_deployed_version_keeps_what_its_training_returned(folder, read):
    """Both stages of one run are about the same package."""
    reviews.write_training(folder, reviews.evaluation())
    reviews.write_stage(folder, "deploy", results={"endpoint": "toy", "version": 2})

    assert read().version == 2
    assert read().registered["training_job"] == "toy-job"


def test_the_live_version_is_the_one_that_was_scored(folder, read):
    """Another one may be live when the page is built."""
    reviews.write_training(folder, reviews.evaluation(2.0, live=2.2))
    reviews.write(folder / "baseline.json", {"version": 3})

    assert read().live_version == 1
    assert read().previous == {"version": 3}


def test_a_version_is_no_baseline_of_itself(folder, read):
    """It may be deployed, or reused, when it is live already."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"version": 2})

    assert read().is_baseline
    assert read().previous == {}
