"""What resources say of themselves, in one query of their tags.

Anybody can write tags, so what they say may also be no number and no time.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

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


def number_in(tags: Mapping[str, str], key: str = "version") -> int:
    """Read a version from its tag; 0 stands for none that is known."""
    text = tags.get(key, "")
    return int(text) if text.isdecimal() else 0


def time_in(tags: Mapping[str, str], key: str = "since") -> datetime | None:
    """Read a time from its tag; nothing, when it holds none."""
    try:
        moment = datetime.fromisoformat(tags.get(key, ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
