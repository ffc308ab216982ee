"""model.tar.gz: how the platform packs it, and how a container may unpack it."""

import gzip
import tarfile
import zlib
from pathlib import Path

from embedded_aws.files import CHUNK_BYTES

MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 10_000


class ArchiveError(Exception):
    """Report an archive that cannot, or must not, be unpacked."""


def pack(folder: Path, target: Path) -> bool:
    """Pack the files at the top of a folder, and return whether there are any."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if files:
        with tarfile.open(target, mode="w:gz") as archive:
            for path in files:
                archive.add(path, arcname=path.name)
    return bool(files)


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
