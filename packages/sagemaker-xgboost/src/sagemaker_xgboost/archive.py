"""model.tar.gz: how the platform packs it, and how it is read within limits.

An archive may be hostile: a few bytes may be many when they are unpacked, in a member
or in the header of one, and members may lead outside their folder.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1024 * 1024
MAX_BYTES = 2 * 1024**3
# Of what is read into memory: models shrink to a fifth or a tenth, and what shrinks so
# much more is none, unless it is small.
MAX_RATIO = 40
SMALL_BYTES = 16 * 1024**2
MAX_MEMBERS = 10_000
# Of the name of a member, and of what else is written before it.
MAX_HEADER_BYTES = 64 * 1024
HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
READ_ERRORS = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error)


class ArchiveError(Exception):
    """Report an archive that cannot, or must not, be unpacked."""


def pack(folders: Sequence[Path], target: Path) -> bool:
    """Pack what is in some folders, and return whether there is anything.

    Of a path that several have, the first one's is packed. Links become what they
    point to, and what is neither a file nor a folder is left out.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() or (path.is_dir() and not path.is_symlink()):
                found.setdefault(path.relative_to(folder).as_posix(), path)
    if found:
        with tarfile.open(target, mode="w:gz", dereference=True) as archive:
            for name, path in found.items():
                archive.add(path, arcname=name, recursive=False)
    return bool(found)


def unpack(packed: Path, folder: Path) -> None:
    """Unpack plain files and folders only, none outside the folder.

    Raises:
        ArchiveError: it has something else, is broken, or is larger than its limits.
    """
    with packed.open("rb") as file, _opened(file, MAX_BYTES) as archive:
        for member in _members(archive):
            if not (member.isfile() or member.isdir()):
                raise ArchiveError(f"{member.name} is neither a file nor a folder")
            # The data filter refuses absolute paths and those that lead outside.
            archive.extract(member, folder, filter="data")


def read_member(packed: bytes, name: str) -> bytearray:
    """Return the content of one file at the top of an archive.

    Nothing is written to disk.

    Raises:
        ArchiveError: there is no such file, it is empty, or the archive is broken, or
            larger than its limits.
    """
    content = bytearray()
    with _opened(io.BytesIO(packed), _limit(packed)) as archive:
        for member in _members(archive):
            if member.name.removeprefix("./") == name and member.isfile():
                file = archive.extractfile(member)
                while file and (chunk := file.read(CHUNK_BYTES)):
                    content += chunk
    if not content:
        raise ArchiveError(f"it has no {name}, or an empty one")
    return content


def members(packed: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each file of an archive; nothing is written to disk.

    Raises:
        ArchiveError: it has something else, is broken, or is larger than its limits.
    """
    with _opened(io.BytesIO(packed), _limit(packed)) as archive:
        for member in _members(archive):
            file = archive.extractfile(member) if member.isfile() else None
            if file:
                yield member.name.removeprefix("./"), file.read()
            elif not member.isdir():
                raise ArchiveError(f"{member.name} is neither a file nor a folder")


def with_files(packed: bytes, files: Mapping[str, bytes]) -> bytes:
    """Pack an archive anew with more files, which take the place of their namesakes.

    The same files are always the same bytes.

    Args:
        packed: the archive; empty for none.
        files: content by path.

    Raises:
        ArchiveError: as `members`.
    """
    all_files = {**(dict(members(packed)) if packed else {}), **files}
    target = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0, filename="") as plain,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(all_files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(all_files[name]), 0o644
            archive.addfile(member, io.BytesIO(all_files[name]))
    return target.getvalue()


def _limit(packed: bytes) -> int:
    """Return how many bytes an archive may have that is unpacked into memory."""
    return min(MAX_BYTES, max(SMALL_BYTES, len(packed) * MAX_RATIO))


@contextmanager
def _opened(packed: IO[bytes], limit: int) -> Iterator[tarfile.TarFile]:
    """Open an archive to read it once, and check all of it.

    Args:
        limit: how many bytes it may have when it is unpacked.
    """
    try:
        with gzip.open(packed) as plain:
            tar = _Limited(plain, limit)
            with tarfile.open(fileobj=tar, mode="r|", tarinfo=_Member) as archive:
                yield archive
            # Only at its very end does gzip notice that something is missing.
            while tar.read(CHUNK_BYTES):
                pass
    except READ_ERRORS as error:
        raise ArchiveError(str(error) or type(error).__name__) from error


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(archive, 1):
        if number > MAX_MEMBERS:
            raise ArchiveError("the archive is larger than its limits")
        yield member


class _Limited(io.RawIOBase):
    """Read what is unpacked, up to a limit of bytes."""

    def __init__(self, plain: gzip.GzipFile, limit: int) -> None:
        self.plain = plain
        self.left = limit

    def read(self, size: int = -1) -> bytes:
        """Read a part, however large the one that is asked for."""
        wanted = CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES)
        part = self.plain.read(wanted)
        self.left -= len(part)
        if self.left < 0:
            raise ArchiveError("the archive is larger than its limits")
        return part


class _Member(tarfile.TarInfo):
    """Read a member of an archive, whose headers are not larger than their limit."""

    def _proc_member(self, tarfile: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in HEADERS and self.size > MAX_HEADER_BYTES:
            raise ArchiveError("the header of a member is larger than its limits")
        member: _Member = super()._proc_member(tarfile)  # type: ignore[misc]
        return member
