"""The files of a channel: their size, their links, and files that look alike."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sagemaker_xgboost.container.exceptions import UserError

MAX_FOLDER_DEPTH = 3


@dataclass(frozen=True)
class Shard:
    """The files of one channel that one host receives."""

    path: Path
    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Count the bytes of all files."""
        return sum(file.stat().st_size for file in self.files)


def shard_of(path: Path, host: int = 0, hosts: int = 1) -> Shard:
    """Take every file of a channel, or those whose turn is the host's."""
    if not path.exists():
        logging.info("Path %s does not exist!", path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return Shard(path, tuple(files[host::hosts]))


def refuse_hidden(shard: Shard) -> None:
    """Refuse a channel that holds a hidden file."""
    if any(file.name.startswith(".") for file in shard.files):
        raise UserError(
            "Hidden file found in the data path! Remove that before training."
        )


def is_data(file: Path) -> bool:
    """Say whether a file is data, by its name."""
    if file.name.startswith((".", "_")):
        return False
    is_cache = ".cache" in file.name and ("dtrain" in file.name or "dval" in file.name)
    return not is_cache


def link_files(shards: Sequence[Shard], links: Path) -> list[Path]:
    """Link all files into one folder, in a fixed order."""
    for old in links.iterdir():
        old.unlink()
    linked: list[Path] = []
    for shard in shards:
        logging.info("File path %s of input files", shard.path)
        logging.info("Making smlinks from folder %s to folder %s", shard.path, links)
        for file in shallow_files(shard):
            link = links / f"{len(linked):05}-{file.name}"
            logging.info(
                "creating symlink between Path %s and destination %s", file, link
            )
            link.symlink_to(file.resolve())
            linked.append(link)
    logging.info("files path: %s", links)
    return linked


def shallow_files(shard: Shard) -> list[Path]:
    """Leave out the files that lie too deep; the image says so, and goes on."""
    depths = {file: len(file.relative_to(shard.path).parts) for file in shard.files}
    if any(depth > MAX_FOLDER_DEPTH for depth in depths.values()):
        logging.warning(
            "The depth of folder %s exceed the limit %s. Files in deeper sub dirs "
            "won't be loaded. Please adjust the folder structure accordingly.",
            shard.path,
            MAX_FOLDER_DEPTH,
        )
    return [file for file, depth in depths.items() if depth <= MAX_FOLDER_DEPTH]


def warn_of_duplicates(train: Path, validation: Path) -> None:
    """Warn of files that have one name and one size in both channels."""
    for name, path in (("training", train), ("validation", validation)):
        if not path.exists():
            raise UserError(f"{name} data's path is not existed")
    for file in sorted(train.iterdir()):
        twin = validation / file.name
        if not (file.is_file() and twin.is_file()):
            continue
        if (size := file.stat().st_size) == twin.stat().st_size:
            logging.warning(
                "Suspected identical files found. (%s and %swith same size %s bytes). "
                "Note: Duplicate data in the training set and validation set is "
                "usually not intentional and can impair the validity of the model "
                "evaluation by the validation score.",
                file,
                twin,
                size,
            )
