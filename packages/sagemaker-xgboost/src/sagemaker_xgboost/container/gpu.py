"""GPU training with Dask, which no CPU instance can do."""

from collections.abc import Mapping

from sagemaker_xgboost.container.channels import Channel, data_format
from sagemaker_xgboost.container.content_types import CSV, PARQUET
from sagemaker_xgboost.container.exceptions import UserError


def refuse_dask(channels: Mapping[str, Channel], hosts: int) -> None:
    """Say everything that stands against training on GPUs."""
    found = [
        "Dask training is only available for `gpu_hist` training on GPU instances."
    ]
    if any(channel["TrainingInputMode"] == "Pipe" for channel in channels.values()):
        found.append("Dask training is not supported for pipe mode input.")
    if data_format(channels) not in (CSV, PARQUET):
        found.append("Dask training is only supported for CSV and Parquet input.")
    types = {channel["S3DistributionType"] for channel in channels.values()}
    if hosts > 1 and types != {"FullyReplicated"}:
        found.append("Dask distributed training requires FullyReplicated data.")
    raise UserError(
        "Some configurations unsuitable for Dask GPU training were found: "
        + ". ".join(found)
    )
