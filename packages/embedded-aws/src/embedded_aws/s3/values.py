"""What S3 checks of the values of a request, and moto does not."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from moto.core.utils import get_service_model
from moto.s3.exceptions import MalformedXML, S3ClientError

MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_DELETED = 1024, 2048, 1000
MAX_NUMBER = 2**31 - 1
# By parameter: how S3 calls it, where it is not MalformedXML or InvalidArgument.
CODES = {
    "StorageClass": "InvalidStorageClass",
    "LocationConstraint": "InvalidLocationConstraint",
}
# What the model leaves out of an enumeration.
MORE = {"ACL": ("log-delivery-write", "bucket-owner-full-control", "aws-exec-read")}
LIFECYCLE_ACTIONS = {
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
}
# Whose content is none, or comes in a header.
WITHOUT_BODY = ("PutObject", "PutBucketAcl", "PutObjectAcl", "PutBucketPolicy")
NUMBERS = ("MaxKeys", "MaxBuckets", "MaxUploads", "MaxParts", "PartNumberMarker")


class ValueRefusedError(S3ClientError):
    """Report a value that S3 does not take."""


def check_values(action: str, given: Mapping[str, Any]) -> None:
    """Raise S3's error for a value that is none of an enumeration, or out of range."""
    shape = get_service_model("s3").operation_model(action).input_shape
    if not isinstance(shape, StructureShape):
        return
    payload = shape.serialization.get("payload", "")
    takes_xml = action.startswith("Put") or action == "DeleteObjects"
    if payload and takes_xml and action not in WITHOUT_BODY:
        _check_document(shape.members[payload], given.get(payload))
    for name, member in shape.members.items():
        if name not in given:
            continue
        in_body = "location" not in member.serialization
        for path, value in _wrong(member, name, given[name]):
            if in_body and path not in CODES:
                raise MalformedXML
            code = CODES.get(path, "InvalidArgument")
            raise ValueRefusedError(code, f"{path}: {value[:100]!r} is not valid")
    if action in ("PutBucketAcl", "PutObjectAcl") and "ACL" not in given:
        text = "Your request is missing a required header: x-amz-acl"
        raise ValueRefusedError("MissingSecurityHeader", text)
    _check_sizes(given)
    for name in NUMBERS:
        text = str(given.get(name, "0"))
        if not text.isdecimal() or int(text) > MAX_NUMBER:
            text = f"Argument {name} must be an integer between 0 and {MAX_NUMBER}"
            raise ValueRefusedError("InvalidArgument", text)
    part = given.get("PartNumber")
    if part is not None and not (part.isdecimal() and 1 <= int(part) <= 10_000):
        text = "Part number must be an integer between 1 and 10000, inclusive"
        raise ValueRefusedError("InvalidArgument", text)


def _check_sizes(given: Mapping[str, Any]) -> None:
    metadata = given.get("Metadata", {})
    prefix = len("x-amz-meta-")
    size = sum(len(k) - prefix + len(v.encode()) for k, v in metadata.items())
    if size > MAX_METADATA_BYTES:
        text = "Your metadata headers exceed the maximum allowed metadata size"
        raise ValueRefusedError("MetadataTooLarge", text)
    if len(given.get("Delete", {}).get("Objects", [])) > MAX_DELETED:
        raise MalformedXML
    if "SSEKMSKeyId" in given and "kms" not in given.get("ServerSideEncryption", ""):
        text = "a KMS key needs x-amz-server-side-encryption: aws:kms"
        raise ValueRefusedError("InvalidArgument", text)
    _check_lifecycle(given.get("LifecycleConfiguration", {}))
    tags = given.get("Tagging")
    if isinstance(tags, Mapping):
        keys = [tag.get("Key") for tag in tags.get("TagSet", [])]
        if len(keys) != len(set(keys)):
            text = "Cannot provide multiple Tags with the same key"
            raise ValueRefusedError("InvalidTag", text)


def _check_lifecycle(configuration: Mapping[str, Any]) -> None:
    for rule in configuration.get("Rules", []):
        if not rule.keys() & LIFECYCLE_ACTIONS:
            text = "At least one action needs to be specified in a rule"
            raise ValueRefusedError("InvalidRequest", text)
        if rule.get("Expiration", {}).get("Days") == "0":
            text = "'Days' for Expiration action must be a positive integer"
            raise ValueRefusedError("InvalidArgument", text)


def check_key(key: str) -> None:
    """Raise S3's error for the key of an object that is too long."""
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueRefusedError("KeyTooLongError", "Your key is too long")


def _check_document(shape: Shape, value: Any) -> None:
    """Raise MalformedXML for a document that lacks something, or has something else."""
    if isinstance(shape, StructureShape):
        required = {*shape.required_members}
        if not isinstance(value, Mapping) or not value.keys() >= required:
            raise MalformedXML
        for name, inner in value.items():
            if name not in shape.members:
                raise MalformedXML
            _check_document(shape.members[name], inner)
    elif isinstance(shape, ListShape):
        for item in value:
            _check_document(shape.member, item)


def _wrong(shape: Shape, name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts that are none of their enumeration, by parameter."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for inner, member in shape.members.items():
            yield from _wrong(member, inner, value.get(inner))
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for item in value:
            yield from _wrong(shape.member, name, item)
    elif isinstance(value, str):
        allowed = [*getattr(shape, "enum", []), *MORE.get(name, ())]
        if allowed and value not in allowed:
            yield name, value
