"""A generated repository as a clone, with one commit for each mutation of it."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from generated.edits import Mutation
from generated.repositories import (
    EXECUTABLE,
    LINK,
    SUBMODULE,
    Edits,
    File,
    Files,
    Generated,
)
from repository import ENVIRONMENT

WHO = "Ada <ada@example.com> 1767225600 +0000"


class Clone:
    """A checkout of a generated repository, and the commits of its mutations.

    Attributes:
        base: the commit that is checked out.
        commits: one for each mutation, on top of the base.
    """

    def __init__(
        self, root: Path, made: Generated, mutations: Sequence[Mutation]
    ) -> None:
        self.root = root
        self.made = made
        git(root.parent, "init", "-q", "-b", "main", str(root))
        self.versions = {
            path: _import_submodule(root / path, versions)
            for path, versions in made.submodules.items()
        }
        first: Edits = {
            path: File(shas[0].encode(), SUBMODULE)
            for path, shas in self.versions.items()
        }
        modules = "".join(
            f'[submodule "{path}"]\n\tpath = {path}\n\turl = ./{path}\n'
            for path in self.versions
        )
        first |= {".gitmodules": File(modules.encode())}
        self.base, *self.commits = fast_import(
            root, [made.files | first, *(self.with_shas(one) for one in mutations)]
        )
        git(root, "reset", "-q", "--hard", self.base)

    def with_shas(self, mutation: Mutation) -> Edits:
        """Return a mutation's edits, with the commits of submodules."""
        return {
            path: one._replace(data=self.versions[path][int(one.data)].encode())
            if one and one.mode == SUBMODULE
            else one
            for path, one in mutation.edits.items()
        }

    def go(self, commit: str) -> None:
        """Let HEAD be a commit; the files on disk stay as they are."""
        (self.root / ".git/HEAD").write_text(f"{commit}\n")

    def write(self, edits: Edits) -> None:
        """Write what an edit changes to the disk."""
        for path in [path for path, one in edits.items() if one is None]:
            _remove(self.root, path)
        for path, one in edits.items():
            if one is not None:
                _write(self.root, path, one, self.versions)

    def restore(self, edits: Edits) -> None:
        """Write what was there before an edit."""
        here: Files = dict(self.made.files)
        here |= {path: File(b"0", SUBMODULE) for path in self.versions}
        for path in edits:
            if path not in here:
                _remove(self.root, path)
        self.write({path: here[path] for path in edits if path in here})


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git and return what it prints."""
    answer = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=os.environ | ENVIRONMENT,
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout.decode().strip()


def fast_import(root: Path, commits: Iterable[Edits]) -> list[str]:
    """Commit files, and then each edit of them on a branch of its own."""
    marks = root / ".git" / "marks"
    stream = b"".join(_commands(commits)) + b"done\n"
    git(
        root,
        "fast-import",
        "--quiet",
        "--done",
        f"--export-marks={marks}",
        stdin=stream,
    )
    shas = dict(line.split() for line in marks.read_text().splitlines())
    return [shas[f":{number}"] for number in range(1, len(shas) + 1)]


def _commands(commits: Iterable[Edits]) -> Iterator[bytes]:
    for number, edits in enumerate(commits, start=1):
        yield f"commit refs/heads/c{number}\nmark :{number}\n".encode()
        yield f"committer {WHO}\ndata 1\nc\n".encode()
        yield b"from :1\n" if number > 1 else b""
        for path, one in sorted(edits.items(), key=lambda edit: edit[1] is not None):
            if one is None:
                yield f"D {path}\n".encode()
            elif one.mode == SUBMODULE:
                yield f"M {one.mode} {one.data.decode()} {path}\n".encode()
            else:
                yield f"M {one.mode} inline {path}\n".encode()
                yield b"data %d\n%s\n" % (len(one.data), one.data)
        yield b"\n"


def _import_submodule(folder: Path, versions: Sequence[Files]) -> list[str]:
    """Make a submodule's clone with its commits, the first one checked out."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    shas = fast_import(folder, [dict(one) for one in versions])
    git(folder, "checkout", "-q", "--detach", shas[0])
    return shas


def _remove(root: Path, path: str) -> None:
    """Remove a file, and the folders that it leaves empty, as git does."""
    (root / path).unlink()
    for folder in (root / path).parents:
        if folder == root or any(folder.iterdir()):
            break
        folder.rmdir()


def _write(root: Path, path: str, one: File, versions: dict[str, list[str]]) -> None:
    target = root / path
    if one.mode == SUBMODULE:
        sha = versions[path][int(one.data)]
        git(target, "checkout", "-q", "--detach", sha)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        target.unlink()
    if one.mode == LINK:
        target.symlink_to(one.data.decode())
    else:
        target.write_bytes(one.data)
        target.chmod(0o755 if one.mode == EXECUTABLE else 0o644)
