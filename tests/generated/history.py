"""A generated repository as a clone, with one commit for each edit of it."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from generated.repositories import EXECUTABLE, LINK, SUBMODULE, Edits, File, Files
from repository import ENVIRONMENT

WHO = "Ada <ada@example.com> 1767225600 +0000"


class Clone:
    """A checkout of files, and the commits of edits.

    Attributes:
        base: the commit that is checked out.
        commits: one for each edit, on top of the base.
    """

    def __init__(
        self,
        root: Path,
        files: Files,
        submodules: dict[str, list[Files]],
        edits: Sequence[Edits],
    ) -> None:
        self.root, self.files = root, files
        git(root.parent, "init", "-q", "-b", "main", str(root))
        self.versions = {}
        for path, versions in submodules.items():
            (root / path).mkdir(parents=True)
            git(root / path, "init", "-q")
            self.versions[path] = fast_import(root / path, list(versions), linear=False)
        lines = (f'[submodule "{one}"]\n\tpath = {one}\n' for one in submodules)
        first: Edits = {path: File(b"0", SUBMODULE) for path in submodules}
        first[".gitmodules"] = File("".join(lines).encode())
        self.files = {**files, **{p: one for p, one in first.items() if one}}
        stream = [self._with_shas(one) for one in (self.files, *edits)]
        self.base, *self.commits = fast_import(root, stream)
        git(root, "reset", "-q", "--hard", self.base)
        for path, shas in self.versions.items():
            git(root / path, "checkout", "-q", "--detach", shas[0])

    def _with_shas(self, edits: Edits | Files) -> Edits:
        """Return edits with the commits of submodules in place of their numbers."""
        return {
            path: File(self.versions[path][int(one.data)].encode(), SUBMODULE)
            if one and one.mode == SUBMODULE
            else one
            for path, one in edits.items()
        }

    def go(self, commit: str) -> None:
        """Let HEAD be a commit; the files on disk stay as they are."""
        (self.root / ".git/HEAD").write_text(f"{commit}\n")

    def write(self, edits: Edits) -> None:
        """Write edits to the disk."""
        for path in (path for path, one in edits.items() if one is None):
            self._remove(path)
        for path, one in edits.items():
            if one is not None:
                self._write(path, one)

    def restore(self, edits: Edits) -> None:
        """Write what was there before some edits."""
        for path in (path for path in edits if path not in self.files):
            self._remove(path)
        self.write({p: self.files[p] for p in edits if p in self.files})

    def _remove(self, path: str) -> None:
        """Remove a file, and the folders that it leaves empty, as git does."""
        (self.root / path).unlink()
        for folder in (self.root / path).parents:
            if folder == self.root or any(folder.iterdir()):
                break
            folder.rmdir()

    def _write(self, path: str, one: File) -> None:
        target = self.root / path
        if one.mode == SUBMODULE:
            git(
                target, "checkout", "-q", "--detach", self.versions[path][int(one.data)]
            )
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if one.mode == LINK:
            target.symlink_to(one.data.decode())
        else:
            target.write_bytes(one.data)
            target.chmod(0o755 if one.mode == EXECUTABLE else 0o644)


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


def fast_import(
    root: Path, commits: Sequence[Edits | Files], *, linear: bool = True
) -> list[str]:
    """Commit files, and then each edit of them on a branch of its own."""
    marks = root / ".git" / "marks"
    stream = b"".join(_commands(commits, linear)) + b"done\n"
    options = ("--quiet", "--done", f"--export-marks={marks}")
    git(root, "fast-import", *options, stdin=stream)
    shas = dict(line.split() for line in marks.read_text().splitlines())
    return [shas[f":{number}"] for number in range(1, len(shas) + 1)]


def _commands(commits: Iterable[Edits | Files], linear: bool) -> Iterator[bytes]:
    for number, edits in enumerate(commits, start=1):
        yield f"commit refs/heads/c{number}\nmark :{number}\n".encode()
        yield f"committer {WHO}\ndata 1\nc\n".encode()
        yield b"from :1\n" if linear and number > 1 else b""
        for path, one in sorted(edits.items(), key=lambda edit: edit[1] is not None):
            if one is None:
                yield f"D {path}\n".encode()
            elif one.mode == SUBMODULE:
                yield f"M {one.mode} {one.data.decode()} {path}\n".encode()
            else:
                yield f"M {one.mode} inline {path}\n".encode()
                yield b"data %d\n%s\n" % (len(one.data), one.data)
        yield b"\n"
