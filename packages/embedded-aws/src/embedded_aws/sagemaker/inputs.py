"""What a request names and AWS must find: the role, the image, a channel's data."""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from moto.iam.models import iam_backends
from moto.sagemaker.exceptions import ValidationError
from sagemaker_xgboost import ENGINE_VERSION, IMAGE_VERSIONS, LEGACY_TAGS

from embedded_aws.files import Content
from embedded_aws.images import FRAMEWORKS, IMAGE_URI, PROCESSORS
from embedded_aws.s3 import store
from embedded_aws.s3.store import S3Uri
from embedded_aws.sagemaker.resources import Values

SUFFIXES = ("", "-cpu-py3", "-gpu-py3")
# From sagemaker/core/image_uri_config/sklearn.json of the SageMaker Python SDK 3.
SKLEARN_VERSIONS = (
    "0.20.0",
    "0.23-1",
    "1.0-1",
    "1.2-1",
    "1.4-2",
    "1.4-2-py312",
    "1.9-0",
)
VERSION_OF_TAG = {f"{v}{suffix}": v for v in IMAGE_VERSIONS for suffix in SUFFIXES}
GZIP_MAGIC = b"\x1f\x8b"


def check_role(arn: str) -> None:
    """Raise AWS's error for a role that SageMaker cannot assume."""
    _, partition, _, _, account, _ = arn.split(":", 5)
    roles = iam_backends[account][partition].roles.values()
    if arn not in {role.arn for role in roles}:
        raise ValidationError(
            f"Could not assume role {arn}. Please ensure that the role exists and "
            "allows principal 'sagemaker.amazonaws.com' to assume the role."
        )


@dataclass(frozen=True, kw_only=True)
class Image:
    """Name one version of an image; its framework is xgboost, sklearn or custom."""

    uri: str
    version: str
    framework: str = "xgboost"

    @property
    def engine_note(self) -> str:
        """Return a log line if this is not the version whose XGBoost runs here."""
        if self.version == ENGINE_VERSION:
            return ""
        return (
            f"The embedded AWS runs sagemaker-xgboost:{self.version} on the engine of "
            f"{ENGINE_VERSION}; the real image may give another model."
        )


def find_image(uri: str, region: str | None = None) -> Image:
    """Return an image, or raise AWS's error for one that it cannot pull.

    Whether an image that is not SageMaker's own can be run, `script_mode` finds out.

    Args:
        region: the one it must be in; None for any.
    """
    match = IMAGE_URI.fullmatch(uri)
    if match is None:
        raise ValidationError(f"Requested image {uri} not found.")
    repository, tag = match["repository"], match["tag"]
    if region is not None and match["region"] != region:
        raise ValidationError(
            f"Requested image {uri} is in {match['region']}, not in {region}."
        )
    if repository == "sagemaker-xgboost" and tag in VERSION_OF_TAG:
        return Image(uri=uri, version=VERSION_OF_TAG[tag])
    if repository == "xgboost" and tag in LEGACY_TAGS:
        return Image(uri=uri, version=tag)
    plain = PROCESSORS.sub("", tag)
    if repository == "sagemaker-scikit-learn" and plain in SKLEARN_VERSIONS:
        return Image(uri=uri, version=plain, framework="sklearn")
    if repository in ("xgboost", *FRAMEWORKS):
        raise ValidationError(f"Requested image {uri} not found.")
    return Image(uri=uri, version=tag, framework="custom")


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Hold one input channel of a training job."""

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

    def describe(self) -> Values:
        """Return the channel's entry in the container's inputdataconfig.json."""
        distribution = self.source.get("S3DataDistributionType", "FullyReplicated")
        described = {
            # The container sees files in FastFile mode, too.
            "TrainingInputMode": self.input_mode.replace("FastFile", "File"),
            "S3DistributionType": distribution,
            "RecordWrapperType": self.record_wrapper,
        }
        return described | (
            {"ContentType": self.content_type} if self.content_type else {}
        )

    def files(self) -> Iterator[tuple[str, S3Uri]]:
        """List the channel's objects, each with its file name in the container."""
        uri = S3Uri.parse(self.source["S3Uri"])
        if self.source["S3DataType"] == "ManifestFile":
            yield from _manifest_files(uri)
        else:
            yield from _prefix_files(uri)


def _prefix_files(prefix: S3Uri) -> Iterator[tuple[str, S3Uri]]:
    """List the objects under a prefix, named relative to its last folder."""
    for key in store.list_keys(prefix):
        folder = prefix.key if key.startswith(prefix.key.rstrip("/") + "/") else ""
        base = folder.rstrip("/") + "/" if folder else prefix.key.rpartition("/")[0]
        name = key.removeprefix(base).lstrip("/")
        yield name, S3Uri(bucket=prefix.bucket, key=key)


def _manifest_files(manifest: S3Uri) -> Iterator[tuple[str, S3Uri]]:
    """List the objects of a manifest: a prefix, then paths relative to it."""
    content = store.read(manifest)
    entries: list[Any] = json.loads(content) if content else [{"prefix": ""}]
    first, *rest = entries
    prefix = first["prefix"].rstrip("/")
    for path in rest:
        yield path, S3Uri.parse(f"{prefix}/{path}")


def check_channel(channel: Channel, region: str, role: str) -> None:
    """Raise AWS's error for a channel without data."""
    url = channel.source["S3Uri"]
    uri = S3Uri.parse(url)
    if store.list_keys(uri):
        return
    raise ValidationError(
        f'No S3 objects found under S3 URL "{url}" given in input data source. Please '
        f"ensure that the bucket exists in the selected region ({region}), that "
        f'objects exist under that S3 prefix, and that the role "{role}" has '
        f'"s3:ListBucket" permissions on bucket "{uri.bucket}".'
    )


def download_channel(
    channel: Channel, folder: Path, host: int = 0, hosts: int = 1
) -> None:
    """Copy a channel's objects to its folder: of shards every `hosts`-th from `host`.

    Raises FileNotFoundError for an object that is gone, and AccessDeniedError.
    """
    folder.mkdir(parents=True)
    is_shared = channel.source.get("S3DataDistributionType") == "ShardedByS3Key"
    files = list(channel.files())
    for name, uri in files[host::hosts] if is_shared else files:
        content = store.open_object(uri)
        if content is None:
            raise FileNotFoundError(f"the object {uri} is gone")
        _write(content, folder / _inside(name), channel.compression)


def _write(content: Content, target: Path, compression: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if compression == "Gzip" and bytes(content[:2]) == GZIP_MAGIC:
        target = target.with_suffix("") if target.suffix == ".gz" else target
        with gzip.open(content.file) as plain, target.open("wb") as file:
            shutil.copyfileobj(plain, file)
    else:
        with target.open("wb") as file:
            file.writelines(content)


def _inside(name: str) -> PurePosixPath:
    """Return a key's path without what would lead out of the channel's folder."""
    path = PurePosixPath(name)
    return PurePosixPath(*(p for p in path.parts if p not in ("/", "..")))
