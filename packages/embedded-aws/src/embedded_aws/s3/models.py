"""S3's state: moto's, with the account's default bucket and the public data."""

import threading

from moto.s3.models import FakeBucket, FakeTableStorageBucket, S3Backend, s3_backends

from embedded_aws.account import DEFAULT_BUCKET, PUBLIC_BUCKET, REGION
from embedded_aws.s3.datasets import OBJECTS


class Backend(S3Backend):
    """Start with the default bucket, and make the public one at its first use."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.public_lock = threading.RLock()
        self.filled = False
        self.create_bucket(DEFAULT_BUCKET, REGION)

    def get_bucket(self, bucket_name: str) -> FakeBucket | FakeTableStorageBucket:
        """Return a bucket; fill the public one first."""
        if bucket_name == PUBLIC_BUCKET and not self.filled:
            self.fill()
        return super().get_bucket(bucket_name)

    def fill(self) -> None:
        """Make the public bucket once; other calls that need it wait meanwhile."""
        with self.public_lock:
            if PUBLIC_BUCKET in self.buckets:
                return
            contents = {key: make() for key, make in OBJECTS.items()}
            self.create_bucket(PUBLIC_BUCKET, REGION)
            for key, value in contents.items():
                self.put_object(PUBLIC_BUCKET, key, value)
            self.filled = True


def install() -> None:
    """Put this backend in the place of moto's."""
    s3_backends.backend = Backend
