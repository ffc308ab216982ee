"""AWS's descriptions of its services, read once for all kernels.

They are megabytes of JSON, which each of boto3's sessions would read for itself before
it makes its first client.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.loaders import Loader

# Most notebooks ask for these.
SERVICES = ("s3", "sagemaker")
KINDS = ("service-2", "endpoint-rule-set-1")


def share() -> None:
    """Let all sessions of this process, and of its forks, read from one loader."""
    import botocore.session

    make = botocore.session.create_loader
    shared = make()
    shared.load_data_with_path("endpoints")
    for service in SERVICES:
        for kind in KINDS:
            shared.load_service_model(service, kind)

    def create_loader(search_path_string: str | None = None) -> "Loader":
        """Give the shared loader, unless somebody has descriptions of their own."""
        return make(search_path_string) if search_path_string else shared

    botocore.session.create_loader = create_loader
