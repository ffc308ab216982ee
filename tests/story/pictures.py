"""Make the pictures of the review page: `make pictures`.

Runs of abalone on the embedded AWS, in a copy of this checkout: a first version, a
better one, one that misses a gate, one whose data has changed under it, one that shows
no difference, and one that cannot be compared.
"""

import io
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import clones
from browsers import find_browser, opened
from embedded_aws import EmbeddedAWS, start
from PIL import Image

SIZE = {"width": 1100, "height": 760}


class Story:
    """A copy of this checkout, what is run in it, and the pages that come out."""

    def __init__(self, root: Path, pages: Path, aws: EmbeddedAWS) -> None:
        self.root = root
        self.pages = pages
        self.aws = aws
        clones.copy_checkout(root, *clones.TEMPLATE, "models/abalone")
        self._git("init", "-q", "-b", "main")
        self.commit("Add the models")

    def _git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        command = ["git", "-C", str(self.root), *identity, *arguments]
        subprocess.run(command, check=True)

    def commit(self, subject: str) -> None:
        """Commit everything."""
        self._git("add", "--all")
        self._git("commit", "-q", "-m", subject)

    def edit(self, name: str, before: str, after: str) -> None:
        """Change a file as a person would."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert before in text, f"{name} has changed: {before!r} is not in it"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def run(self, *arguments: str) -> None:
        """Call the runner; what it says about failed gates is part of the story."""
        command = ("runner", *arguments, "--target", "local")
        print(clones.run(self.root, self.aws, *command).stdout)

    def keep(self, name: str) -> None:
        """Keep the page of the last run, with the notebooks it leads to."""
        shutil.copytree(self.root / "build" / "abalone", self.pages / name)


def tell(story: Story) -> None:
    """Run what the pictures show."""
    spec, prepare = "models/abalone/model.yaml", "models/abalone/prepare.ipynb"
    training = ("run", "abalone", "--stage", "prepare", "--stage", "train-register")
    story.edit(spec, "num_round: 50", "num_round: 12")
    story.commit("Begin with few rounds")
    story.run(*training)
    story.keep("first")

    story.run("approve", "abalone")
    story.run("run", "abalone", "--stage", "deploy")
    story.edit(spec, "num_round: 12", "num_round: 50")
    story.edit(spec, "eta: 0.2", "eta: 0.1")
    story.edit(prepare, "0.99 * len(raw)", "0.995 * len(raw)")
    story.commit("Learn longer, in smaller steps")
    story.run(*training)
    story.keep("better")

    story.edit(spec, "num_round: 50", "num_round: 9")
    story.commit("Try with fewer rounds")
    story.run(*training)
    story.keep("worse")

    story.edit(prepare, '[\\"sex\\", *MEASUREMENTS', '[\\"gender\\", *MEASUREMENTS')
    story.commit("Rename a column")
    story.run(*training)
    story.keep("failed")

    story.edit(prepare, '[\\"gender\\", *MEASUREMENTS', '[\\"sex\\", *MEASUREMENTS')
    story.edit(spec, "num_round: 9", "num_round: 50")
    story.commit("Take the better one")
    story.run("approve", "abalone")
    story.run("run", "abalone", "--stage", "deploy")
    story.edit(spec, "subsample: 0.7", "subsample: 0.75")
    story.commit("Show each tree more rows")
    story.run(*training)
    story.keep("no-difference")

    story.edit(
        prepare,
        "clean[MEASUREMENTS + WEIGHTS]",
        'clean[MEASUREMENTS + WEIGHTS].drop(columns=\\"diameter\\")',
    )
    story.commit("Leave the diameter out, which is nearly the length")
    story.run(*training)
    story.keep("not-comparable")


def photograph(pages: Path, pictures: Path) -> None:
    """Take a picture of what each page shows first, and one of a whole page."""
    with opened(find_browser()) as browser:
        page = browser.new_page(viewport=SIZE)
        for folder in sorted(pages.iterdir()):
            page.goto((folder / "index.html").as_uri())
            save(page.screenshot(), pictures / f"review-{folder.name}.png")
            if folder.name == "better":
                whole = page.screenshot(full_page=True)
                save(whole, pictures / "review-whole-page.png")


def save(picture: bytes, path: Path) -> None:
    """Write a picture with as few colours as it needs, which is a third of it."""
    with Image.open(io.BytesIO(picture)) as image:
        image.quantize(128).save(path, optimize=True)
    print(json.dumps({"picture": path.name, "bytes": path.stat().st_size}))


def main() -> None:
    """Run the story and take the pictures."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as scratch, start() as aws:
        pages = Path(scratch, "pages")
        pages.mkdir()
        tell(Story(Path(scratch, "clone"), pages, aws))
        photograph(pages, clones.ROOT / "docs")


if __name__ == "__main__":
    main()
