"""What resources say of themselves, in one query of their tags."""

from collections.abc import Iterator

from runner.session import client


def live_tags() -> dict[str, dict[str, str]]:
    """Read the tags of every endpoint that this project deployed, by model."""
    live = {}
    for arn, tags in tagged("sagemaker:endpoint", fingerprint=""):
        name = arn.rpartition("/")[2]
        # SageMaker shows names in lower case in an ARN, and so are all models'.
        if tags["owner"] == name:
            live[name] = tags
    return live


def tagged(
    kind: str, owner: str = "", **more: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """List the resources of a kind that have an owner, or this one, with their tags."""
    wanted = {"owner": owner} | more
    pages = client("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in pages.paginate(
        ResourceTypeFilters=[kind],
        TagFilters=[
            {"Key": key, "Values": [value]} if value else {"Key": key}
            for key, value in wanted.items()
        ],
        PaginationConfig={"PageSize": 100},
    ):
        for resource in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
            yield resource["ResourceARN"], tags
