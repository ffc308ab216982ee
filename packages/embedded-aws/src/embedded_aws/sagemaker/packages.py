"""The model registry: model package groups and model packages."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from moto.sagemaker.exceptions import ConflictException, ValidationError

from embedded_aws.sagemaker.resources import Collection, Resource, Scope, Values

UPDATABLE = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)
PENDING = "PendingManualApproval"


@dataclass(kw_only=True)
class ModelPackageGroup(Resource):
    """Keep one group, and the last version number that it has given."""

    status: str = "Completed"
    last_version: int = 0

    def describe(self) -> Values:
        """Answer DescribeModelPackageGroup."""
        return super().describe() | {
            "ModelPackageGroupArn": self.arn,
            "ModelPackageGroupStatus": self.status,
            "CreatedBy": {},
        }


class ModelPackageGroups(Collection[ModelPackageGroup]):
    """Keep all groups of a region."""

    made_of = ModelPackageGroup
    kind = "model-package-group"
    words = "Model Package Group"
    summaries = "ModelPackageGroupSummaryList"
    order = "Ascending"

    def find(self, name: str) -> ModelPackageGroup:
        """Return a group by name or ARN, or raise AWS's error."""
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
        self.add(self.new(name, request))
        return {"ModelPackageGroupArn": self.arn(name)}


@dataclass(kw_only=True)
class ModelPackage(Resource):
    """Keep one version of a group, or a package without versions."""

    group: str | None
    version: int | None
    # Of the call that made it.
    token: str
    status: str = "Completed"

    @property
    def approval_status(self) -> str | None:
        """Return the approval status; a package without versions may have none."""
        return self.request.get("ModelApprovalStatus")

    def describe(self) -> Values:
        """Answer DescribeModelPackage."""
        described = super().describe() | {
            "ModelPackageArn": self.arn,
            "ModelPackageVersion": self.version,
            "ModelPackageStatus": self.status,
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "CertifyForMarketplace": self.request.get("CertifyForMarketplace", False),
            "CreatedBy": {},
        }
        if self.last_modified_time == self.creation_time:
            del described["LastModifiedTime"]
        return described

    def update(self, request: Values) -> None:
        """Change what a request names, and nothing else."""
        new = {key: request[key] for key in UPDATABLE if key in request}
        removed = request.get("CustomerMetadataPropertiesToRemove", [])
        properties = self.request.get("CustomerMetadataProperties", {})
        properties = properties | request.get("CustomerMetadataProperties", {})
        kept = {k: v for k, v in properties.items() if k not in removed}
        if more := request.get("AdditionalInferenceSpecificationsToAdd"):
            known = self.request.get("AdditionalInferenceSpecifications", [])
            new["AdditionalInferenceSpecifications"] = [*known, *more]
        self.request = self.request | new | {"CustomerMetadataProperties": kept}
        self.touch()


class ModelPackages(Collection[ModelPackage]):
    """Keep all packages of a region by ARN."""

    made_of = ModelPackage
    kind = "model-package"
    words = "Model Package"
    summaries = "ModelPackageSummaryList"
    order = "Ascending"

    def __init__(self, scope: Scope, groups: ModelPackageGroups) -> None:
        super().__init__(scope)
        self.groups = groups
        # A call that is repeated with the token of the first gets the first's answer.
        self.tokens: dict[str, str] = {}

    def load(self) -> None:
        """Find the packages that an earlier run kept, and the tokens of their calls."""
        super().load()
        self.tokens = {each.token: each.arn for each in self.resources.values()}

    def key(self, resource: ModelPackage) -> str:
        """Return the ARN: the versions of a group have one name."""
        return resource.arn

    def find(self, name: str) -> ModelPackage:
        """Return a package by ARN, or by name where it has no versions."""
        arn = name if name.startswith("arn:") else self.arn(name)
        if arn not in self.resources:
            raise ValidationError(f"ModelPackage {arn} does not exist.")
        return self.resources[arn]

    def create(self, request: Values) -> Values:
        """Answer CreateModelPackage."""
        group, name = (
            request.get(key) for key in ("ModelPackageGroupName", "ModelPackageName")
        )
        if group and name:
            raise ValidationError(
                "Both ModelPackageName and ModelPackageGroupName are provided in the "
                "input. Cannot determine which one to use."
            )
        if not group and not name:
            raise ValidationError("Missing ARN.")
        token = request.get("ClientToken") or uuid4().hex
        if token not in self.tokens:
            new = self.next_version if group else self.unversioned
            package = new(request, token)
            self.add(package)
            self.tokens[token] = package.arn
        return {"ModelPackageArn": self.tokens[token]}

    def next_version(self, request: Values, token: str) -> ModelPackage:
        """Make the next version of a group; a number is never used again."""
        group = self.groups.find(request["ModelPackageGroupName"])
        if request.get("Tags"):
            raise ValidationError(
                "Tags are not supported for versioned model packages: tag the model "
                "package group."
            )
        group.last_version += 1
        self.groups.save(group)
        request = {"ModelApprovalStatus": PENDING} | request
        return ModelPackage(
            name=group.name,
            arn=self.arn(f"{group.name}/{group.last_version}"),
            request=request | {"ModelPackageGroupName": group.name},
            group=group.name,
            version=group.last_version,
            token=token,
        )

    def unversioned(self, request: Values, token: str) -> ModelPackage:
        """Make a package without versions."""
        name = request["ModelPackageName"]
        if self.arn(name) in self.resources:
            raise ValidationError(f"Model Package already exists: {self.arn(name)}")
        return self.new(name, request, group=None, version=None, token=token)

    def update(self, request: Values) -> Values:
        """Answer UpdateModelPackage."""
        package = self.find(request["ModelPackageArn"])
        package.update(request)
        self.save(package)
        return {"ModelPackageArn": package.arn}

    def listed(self, request: Values) -> Iterable[ModelPackage]:
        """Return the packages that pass the filters of ListModelPackages alone."""
        return [p for p in self.resources.values() if passes_filters(p, request)]

    def delete_group(self, name: str) -> None:
        """Answer DeleteModelPackageGroup."""
        group = self.groups.find(name)
        if any(package.group == group.name for package in self.resources.values()):
            raise ConflictException(
                f"Model Package Group {group.arn} cannot be deleted: it still contains "
                "Model Packages."
            )
        self.groups.remove(group)


def passes_filters(package: ModelPackage, request: Values) -> bool:
    """Check group, type and approval status."""
    group = request.get("ModelPackageGroupName")
    if group is not None and package.group != group.rpartition("/")[2]:
        return False
    default = "Versioned" if group else "Unversioned"
    kind = request.get("ModelPackageType", default)
    fits = kind == "Both" or (kind == "Versioned") == (package.version is not None)
    status = request.get("ModelApprovalStatus", package.approval_status)
    return fits and status == package.approval_status
