"""The images of the built-in XGBoost, and what becomes of any other."""

import re
from dataclasses import dataclass

from moto.sagemaker.exceptions import ValidationError

from runner import images

ENGINE = "3.2-0"
SUFFIXES = ("", "-cpu-py3", "-gpu-py3")
KNOWN = {f"{tag}{suffix}": tag for tag in images.KNOWN for suffix in SUFFIXES}

URI = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?"
    r"/(?P<repository>[^:@]+):(?P<tag>[^:@]+)"
)


@dataclass(frozen=True, kw_only=True)
class Image:
    """Name one version of the built-in XGBoost."""

    uri: str
    version: str

    @property
    def note(self) -> str:
        """Say when the image is not the one whose XGBoost runs here."""
        if self.version == ENGINE:
            return ""
        return (
            f"The embedded AWS runs sagemaker-xgboost:{self.version} on the engine of "
            f"{ENGINE}; the real image may give another model."
        )


def find(uri: str, region: str, role: str = "") -> Image:
    """Find a built-in image, or refuse as AWS refuses one that it cannot pull."""
    match = URI.fullmatch(uri)
    if match is None:
        raise ValidationError(f"Requested image {uri} not found.")
    repository, tag = match["repository"], match["tag"]
    if match["region"] != region:
        raise ValidationError(
            f"Requested image {uri} is in {match['region']}, not in {region}."
        )
    if repository == "sagemaker-xgboost" and tag in KNOWN:
        return Image(uri=uri, version=KNOWN[tag])
    if repository == "xgboost" and tag in images.FIRST:
        return Image(uri=uri, version=tag)
    if repository in ("sagemaker-xgboost", "xgboost"):
        raise ValidationError(f"Requested image {uri} not found.")
    raise ValidationError(
        f"Cannot find repository: {repository} in registry ID: {match['registry']} "
        f"Please check if your ECR repository exists and role {role} has proper pull "
        "permissions for SageMaker: ecr:BatchCheckLayerAvailability, "
        "ecr:BatchGetImage, ecr:GetDownloadUrlForLayer"
    )
