"""What becomes of the parameters of STS, logs, CloudWatch, ECR and tagging.

This is data, as `sagemaker/parameters.py` is: an action that is not here is refused.
"""

from embedded_aws.refusals import IMPLEMENTED, STORED, Rules, Service, done

REASONS = {
    "DurationSeconds": "no credentials are checked",
    "ExternalId": "no credentials are checked",
    "Policy": "no permissions are checked",
    "WebIdentityToken": "no credentials are checked",
    "retentionInDays": "nothing expires",
    "SerialNumber": "there are no MFA devices",
    "TokenCode": "there are no MFA devices",
    "MinimumSessionTokenSize": "session tokens have one size",
    "AlarmTypes=CompositeAlarm": "there are no composite alarms",
    "logGroupClass": "log groups have one class",
    "unmask": "nothing is masked",
    "IncludeLinkedAccounts": "there is one account",
    "includeLinkedAccounts": "there is one account",
}

STS_ACTIONS: dict[str, Rules] = {
    "GetCallerIdentity": {},
    "GetAccessKeyInfo": {IMPLEMENTED: "AccessKeyId"},
    "AssumeRole": {
        IMPLEMENTED: "RoleArn RoleSessionName DurationSeconds",
        STORED: "Policy ExternalId",
    },
    "AssumeRoleWithWebIdentity": {
        IMPLEMENTED: "RoleArn RoleSessionName DurationSeconds",
        STORED: "Policy WebIdentityToken",
    },
    "GetSessionToken": {IMPLEMENTED: "DurationSeconds"},
}
LOGS_ACTIONS: dict[str, Rules] = {
    "CreateLogGroup": {IMPLEMENTED: "logGroupName tags", STORED: "kmsKeyId"},
    "PutRetentionPolicy": {IMPLEMENTED: "logGroupName", STORED: "retentionInDays"},
    **done(
        DescribeLogGroups="logGroupNamePrefix nextToken limit",
        DeleteLogGroup="logGroupName",
        CreateLogStream="logGroupName logStreamName",
        DescribeLogStreams="""
            logGroupName logGroupIdentifier logStreamNamePrefix orderBy descending
            nextToken limit
        """,
        DeleteLogStream="logGroupName logStreamName",
        # AWS ignores the token, too.
        PutLogEvents="logGroupName logStreamName logEvents sequenceToken",
        GetLogEvents="""
            logGroupName logGroupIdentifier logStreamName startTime endTime nextToken
            limit startFromHead
        """,
        FilterLogEvents="""
            logGroupName logStreamNames startTime endTime filterPattern nextToken limit
            interleaved
        """,
        DeleteRetentionPolicy="logGroupName",
        TagResource="resourceArn tags",
        UntagResource="resourceArn tagKeys",
        ListTagsForResource="resourceArn",
        TagLogGroup="logGroupName tags",
        UntagLogGroup="logGroupName tags",
        ListTagsLogGroup="logGroupName",
    ),
}
CLOUDWATCH_ACTIONS: dict[str, Rules] = {
    "PutMetricAlarm": {
        IMPLEMENTED: "AlarmName Tags",
        STORED: """
            AlarmDescription ActionsEnabled OKActions AlarmActions
            InsufficientDataActions MetricName Namespace Statistic ExtendedStatistic
            Dimensions Period Unit EvaluationPeriods DatapointsToAlarm Threshold
            ComparisonOperator TreatMissingData EvaluateLowSampleCountPercentile Metrics
            ThresholdMetricId
        """,
    },
    "EnableAlarmActions": {STORED: "AlarmNames"},
    "DisableAlarmActions": {STORED: "AlarmNames"},
    **done(
        DescribeAlarms="""
            AlarmNames AlarmNamePrefix StateValue ActionPrefix AlarmTypes=MetricAlarm
        """,
        DeleteAlarms="AlarmNames",
        SetAlarmState="AlarmName StateValue StateReason StateReasonData",
        PutMetricData="""
            Namespace MetricData.MetricName MetricData.Dimensions MetricData.Timestamp
            MetricData.Value MetricData.StatisticValues MetricData.Values
            MetricData.Counts MetricData.Unit
        """,
        GetMetricStatistics="""
            Namespace MetricName Dimensions StartTime EndTime Period Statistics Unit
        """,
        ListMetrics="Namespace MetricName Dimensions NextToken",
        TagResource="ResourceARN Tags",
        UntagResource="ResourceARN TagKeys",
        ListTagsForResource="ResourceARN",
    ),
}
ECR_ACTIONS: dict[str, Rules] = {
    "CreateRepository": {
        IMPLEMENTED: "registryId repositoryName tags imageTagMutability",
        STORED: "imageScanningConfiguration encryptionConfiguration",
    },
    **done(
        DescribeRepositories="registryId repositoryNames",
        DeleteRepository="registryId repositoryName force",
        DescribeImages="registryId repositoryName imageIds",
        ListImages="registryId repositoryName filter",
        BatchGetImage="registryId repositoryName imageIds",
        PutImage="""
            repositoryName imageManifest imageManifestMediaType imageTag imageDigest
        """,
        BatchDeleteImage="registryId repositoryName imageIds",
        TagResource="resourceArn tags",
        UntagResource="resourceArn tagKeys",
        ListTagsForResource="resourceArn",
    ),
}
TAGGING_ACTIONS = done(
    GetResources="""
        PaginationToken TagFilters ResourcesPerPage TagsPerPage ResourceTypeFilters
        ResourceARNList
    """,
    TagResources="ResourceARNList Tags",
    UntagResources="ResourceARNList TagKeys",
)

STS = Service(name="sts", title="STS", actions=STS_ACTIONS, reasons=REASONS)
LOGS = Service(
    name="logs", title="CloudWatch Logs", actions=LOGS_ACTIONS, reasons=REASONS
)
CLOUDWATCH = Service(
    name="cloudwatch", title="CloudWatch", actions=CLOUDWATCH_ACTIONS, reasons=REASONS
)
ECR = Service(name="ecr", title="ECR", actions=ECR_ACTIONS, reasons=REASONS)
TAGGING = Service(
    name="resourcegroupstaggingapi",
    title="Resource Groups Tagging",
    actions=TAGGING_ACTIONS,
    reasons=REASONS,
)
