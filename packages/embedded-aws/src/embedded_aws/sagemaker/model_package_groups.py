"""Model package groups: what a registry knows of one model."""

from dataclasses import dataclass

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker.listing import page
from embedded_aws.sagemaker.resources import Collection, Resource, Values


@dataclass(kw_only=True)
class ModelPackageGroup(Resource):
    """Keep one group, and the last version number it gave away."""

    status: str = "Completed"
    last_version: int = 0

    def describe(self) -> Values:
        """Answer DescribeModelPackageGroup, and ListModelPackageGroups."""
        return super().describe() | {
            "ModelPackageGroupArn": self.arn,
            "ModelPackageGroupStatus": self.status,
            "CreatedBy": {},
        }


class ModelPackageGroups(Collection[ModelPackageGroup]):
    """Keep all groups of a region."""

    kind = "model-package-group"
    words = "Model Package Group"

    def find(self, name: str) -> ModelPackageGroup:
        """Find a group by name or ARN, or refuse as AWS does."""
        name = name.rpartition("/")[2]
        if name not in self.resources:
            text = f"ModelPackageGroup {self.arn(name)} does not exist."
            raise ValidationError(text)
        return self.resources[name]

    def create(self, request: Values) -> Values:
        """Answer CreateModelPackageGroup."""
        name = request["ModelPackageGroupName"]
        if name in self.resources:
            text = f"Model Package Group already exists: {self.arn(name)}"
            raise ValidationError(text)
        self.resources[name] = ModelPackageGroup(
            name=name,
            arn=self.arn(name),
            request=request,
            tags=list(request.get("Tags", [])),
        )
        return {"ModelPackageGroupArn": self.arn(name)}

    def list(self, request: Values) -> Values:
        """Answer ListModelPackageGroups."""
        groups, token = page(self.resources.values(), request, order="Ascending")
        summaries = [group.describe() for group in groups]
        return {"ModelPackageGroupSummaryList": summaries, "NextToken": token}
