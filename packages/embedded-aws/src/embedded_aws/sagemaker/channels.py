"""Input channels: what AWS checks of them, and how they reach the container."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from embedded_aws import storage
from embedded_aws.sagemaker.resources import Values
from embedded_aws.storage import Location

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Give one channel as CreateTrainingJob was given it."""

    name: str
    source: Values
    content_type: str | None
    input_mode: str
    compression: str
    record_wrapper: str

    @classmethod
    def parse(cls, request: Values, default_mode: str) -> "Channel":
        """Read an entry of InputDataConfig."""
        source = request["DataSource"].get("S3DataSource")
        if source is None or source["S3DataType"] == "AugmentedManifestFile":
            raise ValidationError(
                f"Channel {request['ChannelName']}: the embedded AWS reads S3Prefix "
                "and ManifestFile only."
            )
        return cls(
            name=request["ChannelName"],
            source=source,
            content_type=request.get("ContentType"),
            input_mode=request.get("InputMode", default_mode),
            compression=request.get("CompressionType", "None"),
            record_wrapper=request.get("RecordWrapperType", "None"),
        )

    @property
    def distribution(self) -> str:
        """Say whether every instance gets all files."""
        return str(self.source.get("S3DataDistributionType", "FullyReplicated"))

    def describe(self) -> Values:
        """Give the channel as the container finds it in inputdataconfig.json."""
        described = {
            # The container sees files in FastFile mode, too.
            "TrainingInputMode": self.input_mode.replace("FastFile", "File"),
            "S3DistributionType": self.distribution,
            "RecordWrapperType": self.record_wrapper,
        }
        return described | (
            {"ContentType": self.content_type} if self.content_type else {}
        )

    def files(self) -> Iterator[tuple[str, Location]]:
        """List the channel's files, each under the name that the container sees."""
        location = Location.parse(self.source["S3Uri"])
        if self.source["S3DataType"] == "ManifestFile":
            yield from manifest_files(location)
        else:
            yield from prefix_files(location)


def prefix_files(prefix: Location) -> Iterator[tuple[str, Location]]:
    """List the objects under a prefix, named relative to its last folder."""
    for key in storage.objects(prefix):
        folder = prefix.key if key.startswith(prefix.key.rstrip("/") + "/") else ""
        base = folder.rstrip("/") + "/" if folder else prefix.key.rpartition("/")[0]
        name = key.removeprefix(base).lstrip("/")
        yield name, Location(bucket=prefix.bucket, key=key)


def manifest_files(location: Location) -> Iterator[tuple[str, Location]]:
    """List the objects of a manifest: a prefix, then paths relative to it."""
    content = storage.read(location)
    entries: list[Any] = json.loads(content) if content else [{"prefix": ""}]
    first, *rest = entries
    prefix = first["prefix"].rstrip("/")
    for path in rest:
        yield path, Location.parse(f"{prefix}/{path}")


def refuse_empty(channel: Channel, region: str, role: str) -> None:
    """Refuse a channel without data, as CreateTrainingJob does."""
    uri = channel.source["S3Uri"]
    location = Location.parse(uri)
    if storage.objects(location):
        return
    raise ValidationError(
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please '
        f"ensure that the bucket exists in the selected region ({region}), that "
        f'objects exist under that S3 prefix, and that the role "{role}" has '
        f'"s3:ListBucket" permissions on bucket "{location.bucket}".'
    )


def download(channel: Channel, folder: Path) -> None:
    """Copy a channel's files into its folder."""
    folder.mkdir(parents=True)
    for name, location in channel.files():
        content = storage.read(location)
        if content is None:
            raise FileNotFoundError(f"the object {location.uri} is gone")
        target = folder / safe(name)
        if channel.compression == "Gzip" and content.startswith(GZIP_MAGIC):
            content, target = gzip.decompress(content), without_gz(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def safe(name: str) -> PurePosixPath:
    """Keep a key from leading out of its channel's folder."""
    path = PurePosixPath(name)
    return PurePosixPath(*(p for p in path.parts if p not in ("/", "..")))


def without_gz(path: Path) -> Path:
    """Drop the ending of a file that is no longer compressed."""
    return path.with_suffix("") if path.suffix == ".gz" else path
