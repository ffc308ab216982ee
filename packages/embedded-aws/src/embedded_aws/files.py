"""Contents as files: streamed in, read in parts, and never changed once written."""

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

CHUNK_BYTES = 1024 * 1024


class Content:
    """Read a stored file, or a part of it, like bytes that are not held in memory.

    It has the length and the slices of bytes; iterating yields chunks of at most 1 MiB.
    The file is open from the start, so it may be removed meanwhile.
    """

    def __init__(self, path: Path, start: int = 0, end: int | None = None) -> None:
        self.file = path.open("rb", buffering=0)
        # Whoever forgets a content closes its file.
        weakref.finalize(self, self.file.close)
        self.path = path
        self.start = start
        size = os.fstat(self.file.fileno()).st_size
        self.end = size if end is None else max(start, min(end, size))

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, part: slice) -> "Content":
        begin, end, _ = part.indices(len(self))
        return Content(self.path, self.start + begin, self.start + max(begin, end))

    def __iter__(self) -> Iterator[bytes]:
        position = self.start
        while position < self.end:
            size = min(CHUNK_BYTES, self.end - position)
            chunk = os.pread(self.file.fileno(), size, position)
            if not chunk:
                raise OSError(f"{self.path}: shorter than it was")
            position += len(chunk)
            yield chunk

    def __bytes__(self) -> bytes:
        return b"".join(self)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


@dataclass(kw_only=True)
class StoredFile:
    """Name a file that was written, with its size in bytes and its MD5.

    It is used once something names it: an object, or a part of an upload.
    """

    name: str
    size: int
    md5: str
    used: bool = False


class Files:
    """Keep files in one folder, each under a random name.

    Without a folder they are in a temporary one, which goes with the process. With one
    they are on the disk, not only in its cache, before a name is returned.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.durable = folder is not None
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self.folder / name

    def open(self, name: str) -> Content:
        """Open a file."""
        return Content(self.path(name))

    def write(self, chunks: Iterable[bytes]) -> StoredFile:
        """Write a new file; nothing is left of it if that fails."""
        name, size = uuid4().hex, 0
        md5 = hashlib.md5(usedforsecurity=False)
        try:
            with self.path(name).open("xb") as file:
                for chunk in chunks:
                    md5.update(chunk)
                    size += file.write(chunk)
                file.flush()
                self._sync(file.fileno())
        except BaseException:
            self.remove([name])
            raise
        self._sync_folder()
        return StoredFile(name=name, size=size, md5=md5.hexdigest())

    def copy(self, content: Content) -> str:
        """Add a file with the same content, and return its name."""
        name = uuid4().hex
        try:
            os.link(content.path, self.path(name))
        except OSError:
            # The file was removed meanwhile, or its file system has no links.
            return self.write(content).name
        self._sync_folder()
        return name

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, if they are there."""
        for name in names:
            self.path(name).unlink(missing_ok=True)

    def _sync(self, descriptor: int) -> None:
        if self.durable:
            os.fsync(descriptor)

    def _sync_folder(self) -> None:
        if self.durable:
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
