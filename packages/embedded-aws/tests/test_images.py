"""The environments of images."""

import shutil
import sys
from pathlib import Path

import pytest
from embedded_aws import images
from embedded_aws.__main__ import main
from embedded_aws.images import ImageError

URI = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn"
CUSTOM = "123456789012.dkr.ecr.us-east-1.amazonaws.com/our-image:7"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keep the environments of images in a new folder."""
    monkeypatch.setenv(images.CACHE_VARIABLE, str(tmp_path / "images"))
    return tmp_path / "images"


def test_an_image_has_one_name():
    """A URI of SageMaker's own image is the image that pull makes."""
    assert images.short_name(f"{URI}:1.9-0-cpu-py3") == "sklearn:1.9-0"
    assert images.short_name(f"{URI}:1.9-0") == "sklearn:1.9-0"
    assert images.short_name(CUSTOM) == CUSTOM


def test_every_image_has_requirements_and_a_python():
    """The pins that matter are in a file of this package, one for each image."""
    assert "sklearn:1.9-0" in images.known_images()
    for name in images.known_images():
        text = (images.PINS / f"{name.replace(':', '-')}.txt").read_text()
        assert text.startswith("# python 3.")
        assert "pip\n" in text


def test_pull_makes_an_environment_once(cache, tmp_path, monkeypatch):
    """Pulled requirements are found by name and URI, and not installed again."""
    needs = tmp_path / "requirements.txt"
    needs.write_text("# nothing\n")
    with pytest.raises(ImageError, match=f"pull {CUSTOM} --requirements FILE"):
        images.find(CUSTOM)
    made = images.pull(CUSTOM, needs, python=sys.executable)
    assert images.find(CUSTOM) == made
    assert made.version == "{}.{}".format(*sys.version_info)
    assert Path(made.python).is_relative_to(cache)
    monkeypatch.setattr(images, "_run_uv", None)
    assert images.pull(CUSTOM, needs) == made
    shutil.rmtree(Path(made.python).parent)
    assert not images.is_pulled(CUSTOM)


def test_an_image_without_requirements_names_those_that_have_some(cache):
    """An unknown image is refused with the images that there are."""
    with pytest.raises(ImageError, match=r"choose one of .*sklearn:1.9-0"):
        images.pull("sklearn:7.0-1")


def test_requirements_are_for_images_of_ones_own(cache, tmp_path):
    """SageMaker's images have their own; others would not be what runs on AWS."""
    with pytest.raises(ImageError, match=r"sklearn:1.9-0 has its own requirements"):
        images.pull("sklearn:1.9-0", tmp_path / "requirements.txt")


def test_an_image_of_other_requirements_is_made_anew(cache, tmp_path, monkeypatch):
    """Where the pins have changed since, an environment is not used."""
    images.use_environment("sklearn:1.9-0", Path(sys.executable))
    assert images.is_pulled("sklearn:1.9-0")
    description = next(cache.glob("sklearn*/image.json"))
    description.write_text(
        description.read_text().replace('"digest": ""', '"digest": "old"')
    )
    remedy = (
        "made from other requirements; make it with: embedded-aws pull sklearn:1.9-0$"
    )
    with pytest.raises(ImageError, match=remedy):
        images.find("sklearn:1.9-0")


def test_requirements_that_cannot_be_installed_are_named(cache, tmp_path):
    """What uv says of them is the error."""
    needs = tmp_path / "requirements.txt"
    needs.write_text("not a requirement\n")
    with pytest.raises(ImageError, match=r"uv pip failed: .*not a requirement"):
        images.pull(CUSTOM, needs, python=sys.executable)


def test_pull_is_a_command(cache, monkeypatch, capsys):
    """`pull` without an image lists those there are; a wrong one ends with 1."""
    monkeypatch.setattr(sys, "argv", ["embedded-aws", "pull"])
    main()
    assert "sklearn:1.9-0  not pulled\n" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["embedded-aws", "pull", "sklearn:7"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "no requirements for image sklearn:7" in capsys.readouterr().err
    own = ["pull", CUSTOM, "--environment", sys.executable]
    monkeypatch.setattr(sys, "argv", ["embedded-aws", *own])
    main()
    assert f"{CUSTOM}: {sys.executable}" in capsys.readouterr().out
