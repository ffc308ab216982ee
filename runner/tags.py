"""What all endpoints say of themselves, in one query of their tags."""

from runner.session import client


def live_tags() -> dict[str, dict[str, str]]:
    """Read the tags of every endpoint that this project deployed, by model."""
    tagging = client("resourcegroupstaggingapi")
    pages = tagging.get_paginator("get_resources").paginate(
        ResourceTypeFilters=["sagemaker:endpoint"],
        TagFilters=[{"Key": "owner"}, {"Key": "fingerprint"}],
    )
    live = {}
    for resource in (one for page in pages for one in page["ResourceTagMappingList"]):
        tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
        name = resource["ResourceARN"].rpartition("/")[2]
        # SageMaker shows names in lower case in an ARN, and so are all models'.
        if tags["owner"] == name:
            live[name] = tags
    return live
