"""Scratch git repositories shaped like this project."""

import json
import os
import shutil
import subprocess
from pathlib import Path

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
SPEC = """\
name: {name}
description: {description}
task: regression
data: s3://bucket/data.csv
approval: {approval}
training: {{hyperparameters: {{num_round: 5}}}}
gates: {{rmse: {{max: 2.5}}}}
endpoint: {{instance_type: ml.m5.large}}
"""
WHO = {"NAME": "Ada", "EMAIL": "ada@example.com", "DATE": "2026-01-01T00:00:00Z"}
ENVIRONMENT = {
    **{
        f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in WHO.items()
    },
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Repository:
    """A clone with models, on `main`, to write, commit and merge in."""

    def __init__(self, root: Path, models: tuple[str, ...] = ()) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        for stage in ("train-register", "deploy"):
            self.write(f"notebooks/{stage}.ipynb", NOTEBOOK)
        self.write("requirements.txt", "click==8\n")
        (root / "models").mkdir()
        for model in models:
            self.model(model)

    def copy(self, root: Path) -> "Repository":
        """Copy it, with its history."""
        shutil.copytree(self.root, root)
        made = object.__new__(Repository)
        made.root = root
        return made

    def git(self, *arguments: str) -> str:
        """Run git and give what it prints."""
        found = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if found.returncode:
            raise AssertionError(f"git {arguments}: {found.stderr}")
        return found.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def model(
        self, name: str, *, description: str = '""', approval: str = "manual"
    ) -> None:
        """Add a model with a notebook of its own to prepare its data."""
        spec = SPEC.format(name=name, description=description, approval=approval)
        self.write(f"models/{name}/model.yaml", spec)
        self.write(f"models/{name}/prepare.ipynb", NOTEBOOK)

    def commit(self, *paths: str) -> str:
        """Change some files, commit everything, and give the commit."""
        for path in paths:
            old = self.root / path
            self.write(path, f"{old.read_text() if old.exists() else ''}changed\n")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        # What `git rev-parse HEAD` prints, without a process.
        head = (self.root / ".git" / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        return (self.root / ".git" / head.removeprefix("ref: ")).read_text().strip()

    def branch(self, name: str) -> None:
        """Start a branch here."""
        self.git("checkout", "-q", "-b", name)

    def checkout(self, name: str) -> None:
        """Go to a branch."""
        self.git("checkout", "-q", name)
