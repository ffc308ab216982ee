"""model.tar.gz: how the platform packs it, and how a container may unpack it."""

import gzip
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from embedded_aws.files import CHUNK_BYTES

MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 10_000


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
    """Unpack plain files and folders only, none outside the folder."""
    try:
        with gzip.open(packed) as tar:
            with tarfile.open(fileobj=tar) as archive:
                extract(archive, folder)
            # Only at its very end does gzip notice that something is missing.
            left = MAX_BYTES
            while left > 0 and (read := len(tar.read(CHUNK_BYTES))):
                left -= read
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArchiveError(str(error) or type(error).__name__) from error


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Extract an archive's members within the limits."""
    size = 0
    for number, member in enumerate(archive, 1):
        size += member.size
        if size > MAX_BYTES or number > MAX_MEMBERS:
            raise ArchiveError("the archive is larger than its limits")
        if not (member.isfile() or member.isdir()):
            raise ArchiveError(f"{member.name} is neither a file nor a folder")
        # The data filter refuses absolute paths and those that lead outside.
        archive.extract(member, folder, filter="data")
