"""Who may do what with a bucket: its policy, its owner, and what it says of ACLs.

Every caller may do everything that the policy of a bucket does not deny, as the
policies of callers are not enforced. The rules of a policy are those of `iam`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from moto.core.request import Request
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket
from moto.s3.utils import bucket_policy_is_public
from moto.sts.models import sts_backends

from embedded_aws.account import ACCOUNT_ID, PUBLIC_BUCKET
from embedded_aws.iam.policies import (
    Context,
    Policy,
    PolicyError,
    as_list,
    decide,
)
from embedded_aws.s3.requests import parse_source

# By the action of S3, where it is another: the permission that it needs.
PERMISSIONS = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObject",
    "CopyObject": "PutObject",
    "PostObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
}
# Which may be of a version.
VERSIONED = ("GetObject", "DeleteObject", "GetObjectAcl", "GetObjectTagging",
             "PutObjectTagging", "DeleteObjectTagging")  # fmt: skip
# Of what no policy can keep an account's root user from; DeleteObjects is asked for
# each of its objects.
EXEMPT = ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "ListBuckets",
          "CreateBucket", "DeleteObjects")  # fmt: skip
HEADER_KEYS = (
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
)
QUERY_KEYS = ("prefix", "delimiter", "max-keys")
KNOWN_KEYS = {
    *("aws:principalarn", "aws:principalaccount", "aws:securetransport"),
    *("aws:currenttime", "aws:epochtime", "aws:useragent", "aws:referer"),
    *("s3:versionid", "s3:requestobjecttagkeys", "s3:if-match", "s3:if-none-match"),
    *(f"s3:{key}" for key in (*HEADER_KEYS, *QUERY_KEYS)),
}
TAG_KEYS = ("s3:requestobjecttag/", "s3:existingobjecttag/")
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
OWNER_ACL = "bucket-owner-full-control"
ENFORCED = "BucketOwnerEnforced"
UNEVALUATED = "is not evaluated by the embedded AWS"


class AccessDeniedError(S3ClientError):
    """Report what a bucket does not allow."""

    code = "AccessDenied"
    status_code = 403


class PolicyRefusedError(S3ClientError):
    """Report a bucket policy that S3 does not take, or that is not evaluated here."""

    code = "MalformedPolicy"


class NoAclsError(S3ClientError):
    """Report an ACL for a bucket whose owner owns everything in it."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Name who makes a request, as STS does.

    Attributes:
        arn: which GetCallerIdentity gives.
        principal: the ARN of the user, or of the role that is assumed.
    """

    arn: str
    principal: str

    @classmethod
    def of(cls, access_key: str) -> "Caller":
        """Find whose access key it is; every other key is of one caller."""
        backend = sts_backends[ACCOUNT_ID]["aws"]
        _, arn, _ = backend.get_caller_identity(access_key, "us-east-1")
        assumed = backend.get_assumed_role_from_access_key(access_key)
        return cls(arn=arn, principal=assumed.role_arn if assumed else arn)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Hold what a policy may ask of a request, besides action and resource."""

    caller: Caller
    context: Context = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request, caller: Caller, tags: Mapping[str, str]) -> "Asked":
        """Read a request.

        Args:
            tags: of the object that it concerns.
        """
        now = datetime.now(UTC)
        new = dict(parse_qsl(request.headers.get("x-amz-tagging", "")))
        context: dict[str, Sequence[str]] = {
            "aws:PrincipalArn": [caller.principal],
            "aws:PrincipalAccount": [ACCOUNT_ID],
            # The caller is on this machine; what it sends to AWS is encrypted.
            "aws:SecureTransport": ["true"],
            "aws:CurrentTime": [now.isoformat()],
            "aws:EpochTime": [str(int(now.timestamp()))],
        }
        plain = {
            **{f"s3:{key}": request.headers.get(key) for key in HEADER_KEYS},
            **{f"s3:{key}": request.args.get(key) for key in QUERY_KEYS},
            "s3:VersionId": request.args.get("versionId"),
            "s3:if-match": request.headers.get("If-Match"),
            "s3:if-none-match": request.headers.get("If-None-Match"),
            "aws:UserAgent": request.headers.get("User-Agent"),
            "aws:Referer": request.headers.get("Referer"),
            **{f"s3:RequestObjectTag/{key}": value for key, value in new.items()},
            **{f"s3:ExistingObjectTag/{key}": value for key, value in tags.items()},
        }
        context |= {key: [value] for key, value in plain.items() if value is not None}
        if new:
            context["s3:RequestObjectTagKeys"] = list(new)
        return cls(caller=caller, context=context)


def needed(
    action: str, request: Request, bucket: str, key: str
) -> Iterator[tuple[str, str, str]]:
    """Yield the permissions that a request needs: bucket, action and resource."""
    if action in EXEMPT:
        return
    permission = PERMISSIONS.get(action, action)
    if permission in VERSIONED and "versionId" in request.args:
        permission = permission.replace("Object", "ObjectVersion")
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    yield bucket, f"s3:{permission}", resource
    if permission == "PutObject" and "x-amz-tagging" in request.headers:
        yield bucket, "s3:PutObjectTagging", resource
    if permission == "PutObject" and "x-amz-acl" in request.headers:
        yield bucket, "s3:PutObjectAcl", resource
    if source := parse_source(request):
        read = "s3:GetObjectVersion" if source.version else "s3:GetObject"
        yield source.bucket, read, f"arn:aws:s3:::{source.bucket}/{source.key}"


def permission(
    policy: bytes | None, action: str, resource: str, asked: Asked
) -> PermissionResult:
    """Return what the policy of a bucket says of an action on a resource."""
    if policy is None:
        return PermissionResult.NEUTRAL
    found = Policy.read("the bucket policy", policy.decode())
    own = [one for one in found.statements if _is_about(one["Principal"], asked.caller)]
    decision = decide(
        [Policy(name=found.name, statements=own)], action, resource, asked.context
    )
    return {
        "allowed": PermissionResult.PERMITTED,
        "explicitDeny": PermissionResult.DENIED,
    }.get(decision.verdict, PermissionResult.NEUTRAL)


def _is_about(principal: Any, caller: Caller) -> bool:
    """Return whether a statement is about a caller."""
    if principal == "*":
        return True
    root = f"arn:aws:iam::{ACCOUNT_ID}:root"
    names = ("*", ACCOUNT_ID, root, caller.arn, caller.principal)
    return any(each in names for each in as_list(principal.get("AWS")))


def check_policy(document: bytes, bucket: FakeBucket) -> None:
    """Raise S3's error for a policy that it does not take, or that is not evaluated."""
    try:
        policy = Policy.read("Policies must be valid", document.decode())
        for statement in policy.statements:
            _check_statement(statement, bucket.name)
    except (PolicyError, UnicodeDecodeError) as error:
        raise PolicyRefusedError(str(error)) from error
    if is_blocked(bucket, "block_public_policy") and bucket_policy_is_public(document):
        raise AccessDeniedError(
            "public policies are blocked by the BlockPublicPolicy setting of the bucket"
        )


def _check_statement(statement: Mapping[str, Any], bucket: str) -> None:
    if "Principal" not in statement:
        raise PolicyError(f"a statement has no Principal; NotPrincipal {UNEVALUATED}")
    principal = statement["Principal"]
    kinds = {"AWS": principal} if principal == "*" else principal
    if not isinstance(kinds, Mapping) or not kinds.keys() <= {"AWS", "Service"}:
        raise PolicyError(
            f"Principal {json.dumps(principal)[:200]}: what is neither AWS nor Service "
            f"{UNEVALUATED}"
        )
    arn = f"arn:aws:s3:::{bucket}"
    for each in as_list(statement.get("Resource", statement.get("NotResource"))):
        if each != arn and not str(each).startswith(f"{arn}/"):
            raise PolicyError(f"Policy has invalid resource {str(each)[:200]!r}")
    if not statement.keys() & {"Action", "NotAction"}:
        raise PolicyError("a statement has no Action")
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, Mapping) or not all(
        isinstance(keys, Mapping) for keys in conditions.values()
    ):
        raise PolicyError("Condition: no operators with keys and values")
    for operator, keys in conditions.items():
        for key in keys:
            lower = key.lower()
            if lower not in KNOWN_KEYS and not lower.startswith(TAG_KEYS):
                raise PolicyError(f"Condition key {key} {UNEVALUATED}")
        everything = {"Effect": "Allow", "Action": "*", "Condition": {operator: keys}}
        decide([Policy(name="", statements=[everything])], "s3:GetObject")


def is_blocked(bucket: FakeBucket, what: str) -> bool:
    """Return whether a bucket blocks public access in some way."""
    block = bucket.public_access_block
    return bool(block) and str(getattr(block, what)).lower() == "true"


def check_acl(bucket: FakeBucket, acl: str, enforced: bool) -> None:
    """Raise S3's error for a canned ACL that a bucket does not allow.

    Args:
        enforced: the owner of the bucket owns all objects in it.
    """
    if enforced and acl not in ("", OWNER_ACL):
        code = "AccessControlListNotSupported"
        raise NoAclsError(code, "The bucket does not allow ACLs")
    if acl in PUBLIC_ACLS and is_blocked(bucket, "block_public_acls"):
        raise AccessDeniedError(
            "public ACLs are blocked by the BlockPublicAcls setting of the bucket"
        )


def check_new(headers: Mapping[str, str]) -> None:
    """Raise S3's error for a new bucket that has an ACL and takes none."""
    owner = headers.get("x-amz-object-ownership", ENFORCED)
    if headers.get("x-amz-acl", "private") != "private" and owner == ENFORCED:
        raise NoAclsError(
            "InvalidBucketAclWithObjectOwnership",
            f"Bucket cannot have ACLs set with ObjectOwnership's {ENFORCED} setting",
        )


def check_owners(request: Request, bucket: str) -> None:
    """Raise S3's error where a bucket belongs to another account than is expected."""
    source = parse_source(request)
    expected = {
        "x-amz-expected-bucket-owner": bucket,
        "x-amz-source-expected-bucket-owner": source.bucket if source else "",
    }
    for header, name in expected.items():
        given = request.headers.get(header)
        if given and (given != ACCOUNT_ID or name == PUBLIC_BUCKET):
            raise AccessDeniedError("Access Denied")
