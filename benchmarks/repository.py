"""Repositories to measure in: a copy of this one, and ones with many models."""

import json
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")


def git(root: Path, *arguments: str) -> str:
    """Run git in a repository."""
    command = ["git", "-C", str(root), *IDENTITY, "-c", "gc.auto=0", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def copy(root: Path) -> Path:
    """Copy what git knows of this repository, as it stands here."""
    for name in git(ROOT, "ls-files", "-z").split("\0"):
        if name and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def commit(root: Path) -> str:
    """Commit everything and tell its name."""
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--message", "All")
    return git(root, "rev-parse", "HEAD")


def many(root: Path, count: int) -> Path:
    """Make a repository of so many models, each with its YAML and one notebook."""
    for name in ("notebooks", ".circleci"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copyfile(ROOT / "requirements.txt", root / "requirements.txt")
    spec = (ROOT / "models" / "abalone" / "model.yaml").read_text()
    notebook = (ROOT / "models" / "abalone" / "prepare.ipynb").read_text()
    for index in range(count):
        folder = root / "models" / model(index)
        folder.mkdir(parents=True)
        (folder / "model.yaml").write_text(
            spec.replace("name: abalone", f"name: {model(index)}")
        )
        quoted = json.dumps('model: str = "abalone"')[1:-1]
        named = json.dumps(f'model: str = "{model(index)}"')[1:-1]
        (folder / "prepare.ipynb").write_text(notebook.replace(quoted, named))
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def model(index: int) -> str:
    """Name a model."""
    return f"model-{index:05}"


def change(root: Path, count: int) -> str:
    """Change so many models in one commit, and name the commit before it."""
    base = git(root, "rev-parse", "HEAD")
    for index in range(count):
        (root / "models" / model(index) / "rows.sql").write_text(f"-- {base}\n")
    commit(root)
    return base
