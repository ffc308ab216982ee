"""S3's state: moto's, with contents in files, and kept between runs."""

import threading
from typing import Any

from moto import settings
from moto.core.base_backend import BaseBackend
from moto.iam.access_control import PermissionResult
from moto.s3 import models, responses
from moto.s3.models import (
    FakeBucket,
    FakeKey,
    FakeMultipart,
    PublicAccessBlock,
    S3Backend,
    get_canned_acl,
    s3_backends,
)

from embedded_aws.account import ACCOUNT_ID, DEFAULT_BUCKET, PUBLIC_BUCKET, REGION
from embedded_aws.s3.access import ENFORCED, Asked, permission
from embedded_aws.s3.checksums import checksum_of
from embedded_aws.s3.datasets import OBJECTS
from embedded_aws.s3.keys import (
    StoredDeleteMarker,
    StoredKey,
    StoredMultipart,
    blank_key,
    restore_upload,
    restore_versions,
    version_document,
)
from embedded_aws.state import state

BUCKET, OBJECT, UPLOAD = "s3-bucket", "s3-object", "s3-upload"
# Of every new object, unless its bucket or its call says otherwise.
ENCRYPTION = {
    "Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
}
# Of a bucket's attributes those that are documents of their own.
ELSEWHERE = ("keys", "multiparts")


class Touched(threading.local):
    """Collect what a thread's call changes."""

    def __init__(self) -> None:
        self.buckets: set[str] = set()
        self.keys: set[tuple[str, str]] = set()
        self.uploads: set[tuple[str, str]] = set()

    def take(self) -> list[set[Any]]:
        """Return buckets, keys and uploads, and begin anew."""
        taken: list[set[Any]] = [self.buckets, self.keys, self.uploads]
        self.__init__()  # type: ignore[misc]
        return taken


class CurrentCall(threading.local):
    """Hold what a bucket's policy may ask of the call that this thread answers."""

    value: Asked | None = None


class StoredBucket(FakeBucket):
    """Evaluate a bucket's policy with its principals and conditions."""

    def get_permission(self, action: str, resource: str) -> PermissionResult:
        """Return what the policy says of one of the objects that a call deletes.

        What else a call asks for has been evaluated before moto asks, in its own words.
        """
        backend = s3_backends[self.account_id][self.partition]
        assert isinstance(backend, Backend)
        asked = backend.asked.value
        if action != "s3:DeleteObject" or asked is None:
            return PermissionResult.NEUTRAL
        return permission(self.policy, action, resource, asked)


class Backend(S3Backend):
    """Keep what calls change; start with the default bucket and the public one."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.public_lock = threading.RLock()
        self.filled = self.filling = False
        self.touched = Touched()
        self.keeping = threading.Lock()
        # Of writes with a condition, which is to hold until they are done.
        self.writing = threading.Lock()
        self.asked = CurrentCall()
        if (region_name, account_id) == ("aws", ACCOUNT_ID):
            self.load()
            if not self.buckets:
                self.create_bucket(DEFAULT_BUCKET, REGION)
                self.keep()

    # Not moto's paths, which S3 alone reloads whenever it is asked for them.
    _url_module = BaseBackend._url_module

    # The public data, which is made and not kept.

    def get_bucket(self, bucket_name: str) -> FakeBucket:
        """Return a bucket; fill the public one first."""
        if bucket_name == PUBLIC_BUCKET and not self.filled:
            self.fill()
        return super().get_bucket(bucket_name)

    def fill(self) -> None:
        """Make the public bucket once; other calls that need it wait meanwhile.

        Where there is no room for it, the next call tries again.
        """
        with self.public_lock:
            if self.filled or self.filling:
                return
            self.filling = True
            try:
                contents = {key: make() for key, make in OBJECTS.items()}
                if PUBLIC_BUCKET not in self.buckets:
                    self.create_bucket(PUBLIC_BUCKET, REGION)
                public = get_canned_acl("public-read")
                self.buckets[PUBLIC_BUCKET].set_acl(public)
                for key, value in contents.items():
                    self.put_object(PUBLIC_BUCKET, key, value).set_acl(public)
                self.filled = True
            finally:
                self.filling = False

    # What is noted of the calls that change something.

    def create_bucket(
        self, bucket_name: str, *arguments: Any, **more: Any
    ) -> FakeBucket:
        """Create a bucket; who owns it owns all that is in it, and it is not public."""
        self.touched.buckets.add(bucket_name)
        bucket = super().create_bucket(bucket_name, *arguments, **more)
        vars(bucket).update(ownership_rule=ENFORCED, encryption=dict(ENCRYPTION))
        bucket.public_access_block = PublicAccessBlock(*["true"] * 4)
        return bucket

    def put_object(
        self, bucket_name: str, key_name: str, *arguments: Any, **more: Any
    ) -> FakeKey:
        """Put an object, whose value may be a stored file."""
        self.touched.keys.add((bucket_name, key_name))
        return super().put_object(bucket_name, key_name, *arguments, **more)

    def delete_object(
        self, bucket_name: str, key_name: str, *arguments: Any, **more: Any
    ) -> tuple[bool, dict[str, Any]]:
        """Delete an object."""
        self.touched.keys.add((bucket_name, key_name))
        deleted: tuple[bool, dict[str, Any]] = super().delete_object(
            bucket_name, key_name, *arguments, **more
        )
        return deleted

    def create_multipart_upload(
        self, bucket_name: str, *arguments: Any, **more: Any
    ) -> FakeMultipart:
        """Begin an upload in parts."""
        upload = super().create_multipart_upload(bucket_name, *arguments, **more)
        self.touched.uploads.add((bucket_name, upload.id))
        return upload

    def knows(self, token: str) -> bool:
        """Return whether a page of ListObjectsV2 ended with a token."""
        return token in self._pagination_tokens

    # How that is kept, and found again.

    def keep(self) -> None:
        """Save what this thread's calls have changed since it was last saved."""
        buckets, keys, uploads = self.touched.take()
        if self.account_id != ACCOUNT_ID or not (buckets or keys or uploads):
            return
        with self.keeping, state.transaction():
            for name in buckets - {PUBLIC_BUCKET}:
                self._keep_bucket(name)
            for name, key in keys:
                if name != PUBLIC_BUCKET:
                    self._keep_object(name, key)
            for name, upload_id in uploads:
                self._keep_upload(name, upload_id)

    def _keep_bucket(self, name: str) -> None:
        bucket = self.buckets.get(name)
        if bucket is None:
            state.delete(BUCKET, name)
            return
        tags = self.tagger.get_tag_dict_for_resource(bucket.arn)
        own = {k: v for k, v in vars(bucket).items() if k not in ELSEWHERE}
        state.save(BUCKET, name, {"attributes": own, "tags": tags})

    def _keep_object(self, name: str, key: str) -> None:
        bucket = self.buckets.get(name)
        versions = bucket.keys.getlist(key, []) if bucket else []
        if not versions:
            state.delete(OBJECT, f"{name}/{key}")
            return
        tags = self.tagger.get_tag_dict_for_resource
        documents = [version_document(v, tags(getattr(v, "arn", ""))) for v in versions]
        files = [each["file"] for each in documents if "file" in each]
        document = {"bucket": name, "key": key, "versions": documents}
        state.save(OBJECT, f"{name}/{key}", document, files)

    def _keep_upload(self, name: str, upload_id: str) -> None:
        bucket = self.buckets.get(name)
        upload = bucket.multiparts.get(upload_id) if bucket else None
        if upload is None:
            state.delete(UPLOAD, upload_id)
            return
        assert isinstance(upload, StoredMultipart)
        files = [part.file for _, part in upload.copied_parts()]
        state.save(UPLOAD, upload_id, upload.as_document(name), files)

    def load(self) -> None:
        """Find what was kept, and nothing of a backend that this one replaces."""
        accounts, own = s3_backends.bucket_accounts, (self.partition, self.account_id)
        for name in [name for name, owner in accounts.items() if owner == own]:
            del accounts[name]
        for document in state.load(BUCKET):
            attributes = document["attributes"]
            name, region = attributes["name"], attributes["region_name"]
            bucket = super().create_bucket(name, region)
            vars(bucket).update(attributes)
            self._tag(bucket.arn, document["tags"])
        blanks = {name: blank_key(bucket) for name, bucket in self.buckets.items()}
        for document in state.load(OBJECT):
            name, key = document["bucket"], document["key"]
            versions = restore_versions(blanks[name], key, document["versions"])
            self.buckets[name].keys.setlist(key, versions)
            for version, saved in zip(versions, document["versions"], strict=True):
                self._tag(getattr(version, "arn", ""), saved.get("tags"))
        for document in state.load(UPLOAD):
            if found := self.buckets.get(document["bucket"]):
                found.multiparts[document["id"]] = restore_upload(found, document)

    def _tag(self, arn: str, tags: dict[str, str] | None) -> None:
        if tags:
            self.tagger.tags[arn] = dict(tags)


def install() -> None:
    """Put this backend, and keys whose content is in files, in the place of moto's."""
    s3_backends.backend = Backend
    vars(models).update(
        FakeBucket=StoredBucket,
        FakeDeleteMarker=StoredDeleteMarker,
        FakeKey=StoredKey,
        FakeMultipart=StoredMultipart,
    )
    vars(responses).update(compute_checksum=checksum_of)
    # No bucket is part of a loopback's name, and moto would look several times a call.
    vars(settings)["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = True
