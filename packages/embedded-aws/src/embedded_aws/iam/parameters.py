"""What becomes of the parameters of IAM's actions; one that is not here is refused.

Served is what the roles and policies of a set-up need, with the users and groups that
simulations answer for. Pages are made where moto makes them.
"""

from embedded_aws.refusals import IMPLEMENTED, STORED, Rules, Service, done

PAGED = "Marker MaxItems"
REASONS = {
    "Marker": "the answer has all on one page",
    "MaxItems": "the answer has all on one page",
    "PolicyUsageFilter": "the usage of policies is not filtered",
    "ResourcePolicy": "policies of resources are not simulated",
    "ResourceOwner": "policies of resources are not simulated",
    "CallerArn": "give the caller's role as PolicySourceArn",
    "ResourceHandlingOption": "EC2 is not simulated",
    "PolicyExclusionList": "all policies count",
    "OrderedOrganizationPolicyInputList": "there are no organizations",
    "MaxSessionDuration": "no credentials are checked",
}


def _policies_of(kind: str) -> dict[str, Rules]:
    """Return the rules of the actions on the policies of a Role, User or Group."""
    name = f"{kind}Name"
    return done(
        **{
            f"Put{kind}Policy": f"{name} PolicyName PolicyDocument",
            f"Get{kind}Policy": f"{name} PolicyName",
            f"List{kind}Policies": name,
            f"Delete{kind}Policy": f"{name} PolicyName",
            f"Attach{kind}Policy": f"{name} PolicyArn",
            f"Detach{kind}Policy": f"{name} PolicyArn",
            f"ListAttached{kind}Policies": f"{name} PathPrefix {PAGED}",
        }
    )


ACTIONS: dict[str, Rules] = {
    "CreateRole": {
        IMPLEMENTED: "Path RoleName PermissionsBoundary Tags",
        STORED: "AssumeRolePolicyDocument Description MaxSessionDuration",
    },
    "UpdateRole": {IMPLEMENTED: "RoleName", STORED: "Description MaxSessionDuration"},
    "UpdateAssumeRolePolicy": {IMPLEMENTED: "RoleName", STORED: "PolicyDocument"},
    "CreatePolicy": {
        IMPLEMENTED: "PolicyName Path PolicyDocument Tags",
        STORED: "Description",
    },
    "UpdateAccessKey": {IMPLEMENTED: "UserName AccessKeyId", STORED: "Status"},
    "CreateOpenIDConnectProvider": {
        IMPLEMENTED: "Url Tags",
        STORED: "ClientIDList ThumbprintList",
    },
    "UpdateOpenIDConnectProviderThumbprint": {
        IMPLEMENTED: "OpenIDConnectProviderArn",
        STORED: "ThumbprintList",
    },
    **_policies_of("Role"),
    **_policies_of("User"),
    **_policies_of("Group"),
    **done(
        GetRole="RoleName",
        ListRoles=f"PathPrefix {PAGED}",
        DeleteRole="RoleName",
        PutRolePermissionsBoundary="RoleName PermissionsBoundary",
        DeleteRolePermissionsBoundary="RoleName",
        TagRole="RoleName Tags",
        UntagRole="RoleName TagKeys",
        ListRoleTags=f"RoleName {PAGED}",
        GetPolicy="PolicyArn",
        ListPolicies=f"Scope OnlyAttached PathPrefix {PAGED}",
        DeletePolicy="PolicyArn",
        CreatePolicyVersion="PolicyArn PolicyDocument SetAsDefault",
        GetPolicyVersion="PolicyArn VersionId",
        ListPolicyVersions="PolicyArn",
        DeletePolicyVersion="PolicyArn VersionId",
        SetDefaultPolicyVersion="PolicyArn VersionId",
        ListEntitiesForPolicy=f"PolicyArn EntityFilter PathPrefix {PAGED}",
        TagPolicy="PolicyArn Tags",
        UntagPolicy="PolicyArn TagKeys",
        ListPolicyTags=f"PolicyArn {PAGED}",
        CreateUser="Path UserName Tags",
        GetUser="UserName",
        ListUsers=f"PathPrefix {PAGED}",
        DeleteUser="UserName",
        ListGroupsForUser="UserName",
        TagUser="UserName Tags",
        UntagUser="UserName TagKeys",
        ListUserTags="UserName",
        CreateAccessKey="UserName",
        ListAccessKeys="UserName",
        DeleteAccessKey="UserName AccessKeyId",
        CreateGroup="Path GroupName",
        GetGroup="GroupName",
        ListGroups="",
        DeleteGroup="GroupName",
        AddUserToGroup="GroupName UserName",
        RemoveUserFromGroup="GroupName UserName",
        GetOpenIDConnectProvider="OpenIDConnectProviderArn",
        ListOpenIDConnectProviders="",
        DeleteOpenIDConnectProvider="OpenIDConnectProviderArn",
        TagOpenIDConnectProvider="OpenIDConnectProviderArn Tags",
        UntagOpenIDConnectProvider="OpenIDConnectProviderArn TagKeys",
        ListOpenIDConnectProviderTags=f"OpenIDConnectProviderArn {PAGED}",
        ListInstanceProfilesForRole="RoleName",
        SimulatePrincipalPolicy=f"""
            PolicySourceArn PolicyInputList PermissionsBoundaryPolicyInputList
            ActionNames ResourceArns ContextEntries {PAGED}
        """,
        SimulateCustomPolicy=f"""
            PolicyInputList PermissionsBoundaryPolicyInputList ActionNames ResourceArns
            ContextEntries {PAGED}
        """,
    ),
}

IAM = Service(name="iam", title="IAM", actions=ACTIONS, reasons=REASONS)
