"""The regions of SageMaker, and our backends in each of them."""

from functools import cache
from typing import Any

from botocore.loaders import create_loader
from botocore.regions import EndpointResolver
from moto.core.base_backend import AccountSpecificBackend, BackendDict

from embedded_aws.account import ACCOUNT_ID

ENDPOINT = "api.sagemaker"


@cache
def regions() -> list[str]:
    """Return the regions of all partitions.

    Moto would read the whole model of a service to learn them, a second time.
    """
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    return [
        region
        for partition in resolver.get_available_partitions()
        for region in resolver.get_available_endpoints(ENDPOINT, partition)
    ]


def install(backends: "BackendDict[Any]", backend: type) -> None:
    """Put a backend in the place of moto's, in every region."""
    backends.backend = backend
    backends[ACCOUNT_ID] = AccountSpecificBackend(
        service_name=backends.service_name,
        account_id=ACCOUNT_ID,
        backend=backend,
        use_boto3_regions=False,
        additional_regions=regions(),
    )
