"""What becomes of the parameters of each action: done, stored, or refused.

This is data: `embedded_aws.refusals` applies it to requests, and prints it as a table.
What is not named here is refused, so that a newer client is not misled.

Stored is what is kept and described and has no effect here, where there are no
instances, networks, keys or prices: no answer, file or prediction would be another.
"""

from embedded_aws.refusals import (
    IMPLEMENTED,
    OTHERS,
    REFUSED,
    STORED,
    Rules,
    Service,
    joined,
    under,
)

# Why a parameter is refused, by how its path ends.
REASONS = {
    "AlgorithmName": "there are no algorithm resources; name a TrainingImage",
    "CompressionType=NONE": "a model is always packed as model.tar.gz",
    "CompressionType=None": (
        "models are not served uncompressed; pack it as model.tar.gz, with "
        "CompressionType Gzip"
    ),
    "S3DataType=S3Prefix": (
        "models are not served uncompressed; pack it as model.tar.gz, with S3DataType "
        "S3Object"
    ),
    "Mode=MultiModel": "multi-model endpoints are not served; make a model for each",
    "MultiModelConfig": "multi-model endpoints are not served; make a model for each",
    "TargetModel": "multi-model endpoints are not served",
    "TargetContainerHostname": "a model has one container",
    "AsyncInferenceConfig": "endpoints answer at once, and write no answers to S3",
    "ExplainerConfig": "nothing explains predictions",
    "EnableExplanations": "nothing explains predictions",
    "ShadowProductionVariants": "no requests are copied",
    "DebugRuleConfigurations": "no debugger watches a job",
    "CollectionConfigurations": "no debugger watches a job",
    "HookParameters": "no debugger watches a job",
    "ProfilerRuleConfigurations": "no profiler watches a job",
    "ProfilingParameters": "no profiler watches a job",
    "TensorBoardOutputConfig": "the built-in XGBoost writes nothing for TensorBoard",
    "ExperimentConfig": "jobs make no trial components",
    "ServerlessJobConfig": "jobs need a TrainingImage and ResourceConfig",
    "ValidationSpecification": "packages are not validated by a transform job",
    "SourceAlgorithmSpecification": "there are no algorithm resources",
    "CertifyForMarketplace": "nothing is certified",
    "RecordWrapperType=RecordIO": "files are not wrapped",
    "ShuffleConfig": "objects are read in the order of their keys",
    "InstanceGroups": "give InstanceType and InstanceCount",
    "FileSystemDataSource": "data comes from S3",
    "DatasetSource": "data comes from S3",
    "AttributeNames": "augmented manifests are not read",
    "S3DataType=AugmentedManifestFile": "augmented manifests are not read",
    "S3DataType=Converse": "S3Prefix and ManifestFile are read",
    "KeepAlivePeriodInSeconds": "there are no instances to keep warm",
    "InferenceComponentName": "there are no inference components",
    "CrossAccountFilterOption=CrossAccount": "there is one account",
}

CONTAINER = {
    IMPLEMENTED: """
        Image ModelDataUrl Environment ModelPackageName Mode=SingleModel
        ModelDataSource.S3DataSource.S3Uri
        ModelDataSource.S3DataSource.S3DataType=S3Object
        ModelDataSource.S3DataSource.CompressionType=Gzip
    """,
    STORED: "ContainerHostname",
    REFUSED: """
        ImageConfig Mode=MultiModel MultiModelConfig AdditionalModelDataSources
        InferenceSpecificationName ContainerMetricsConfig
        ModelDataSource.S3DataSource.S3DataType=S3Prefix
        ModelDataSource.S3DataSource.CompressionType=None
        ModelDataSource.S3DataSource.ModelAccessConfig
        ModelDataSource.S3DataSource.HubAccessConfig
        ModelDataSource.S3DataSource.ManifestS3Uri
        ModelDataSource.S3DataSource.ETag
        ModelDataSource.S3DataSource.ManifestEtag
    """,
}
DEPLOYMENT = {
    IMPLEMENTED: """
        AutoRollbackConfiguration BlueGreenUpdatePolicy.TrafficRoutingConfiguration
    """,
    STORED: """
        BlueGreenUpdatePolicy.TerminationWaitInSeconds
        BlueGreenUpdatePolicy.MaximumExecutionTimeoutInSeconds
        BlueGreenUpdatePolicy.TrafficRoutingConfiguration.WaitIntervalInSeconds
        RollingUpdatePolicy
    """,
}
MODEL_PACKAGE = """
    ModelPackageRegistrationType SourceUri ModelCard ModelLifeCycle
    InferenceSpecification
"""


ACTIONS: dict[str, Rules] = {
    "CreateTrainingJob": {
        IMPLEMENTED: """
            TrainingJobName HyperParameters RoleArn Tags Environment
            AlgorithmSpecification.TrainingImage
            AlgorithmSpecification.TrainingInputMode
            AlgorithmSpecification.MetricDefinitions CheckpointConfig
            AlgorithmSpecification.ContainerEntrypoint
            AlgorithmSpecification.ContainerArguments
            InputDataConfig.ChannelName InputDataConfig.ContentType
            InputDataConfig.CompressionType InputDataConfig.InputMode
            InputDataConfig.RecordWrapperType=None
            InputDataConfig.DataSource.S3DataSource.S3DataType
            InputDataConfig.DataSource.S3DataSource.S3Uri
            InputDataConfig.DataSource.S3DataSource.S3DataDistributionType
            OutputDataConfig.S3OutputPath OutputDataConfig.CompressionType=GZIP
            ResourceConfig.InstanceCount StoppingCondition.MaxRuntimeInSeconds
            StoppingCondition.MaxWaitTimeInSeconds EnableManagedSpotTraining
            EnableNetworkIsolation
        """,
        STORED: """
            AlgorithmSpecification.EnableSageMakerMetricsTimeSeries
            OutputDataConfig.KmsKeyId ResourceConfig.InstanceType
            ResourceConfig.VolumeSizeInGB ResourceConfig.VolumeKmsKeyId
            StoppingCondition.MaxPendingTimeInSeconds VpcConfig
            EnableInterContainerTrafficEncryption RetryStrategy
            DebugHookConfig.S3OutputPath DebugHookConfig.LocalPath
            ProfilerConfig.S3OutputPath ProfilerConfig.ProfilingIntervalInMilliseconds
            ProfilerConfig.DisableProfiler
        """,
        REFUSED: """
            AlgorithmSpecification.AlgorithmName
            AlgorithmSpecification.TrainingImageConfig
            InputDataConfig.RecordWrapperType=RecordIO InputDataConfig.ShuffleConfig
            InputDataConfig.DataSource.FileSystemDataSource
            InputDataConfig.DataSource.DatasetSource
            InputDataConfig.DataSource.S3DataSource.S3DataType=AugmentedManifestFile
            InputDataConfig.DataSource.S3DataSource.S3DataType=Converse
            InputDataConfig.DataSource.S3DataSource.AttributeNames
            InputDataConfig.DataSource.S3DataSource.InstanceGroupNames
            InputDataConfig.DataSource.S3DataSource.ModelAccessConfig
            InputDataConfig.DataSource.S3DataSource.HubAccessConfig
            OutputDataConfig.CompressionType=NONE
            ResourceConfig.KeepAlivePeriodInSeconds ResourceConfig.InstanceGroups
            ResourceConfig.TrainingPlanArn ResourceConfig.InstancePlacementConfig
            ResourceConfig.InstancePreferences ResourceConfig.SelectedInstanceType
            ResourceConfig.SelectedInstanceCount
            DebugHookConfig.HookParameters DebugHookConfig.CollectionConfigurations
            DebugRuleConfigurations TensorBoardOutputConfig ExperimentConfig
            ProfilerConfig.ProfilingParameters ProfilerRuleConfigurations
            RemoteDebugConfig InfraCheckConfig SessionChainingConfig
            ServerlessJobConfig MlflowConfig ModelPackageConfig
        """,
    },
    "DescribeTrainingJob": {IMPLEMENTED: "TrainingJobName"},
    "StopTrainingJob": {IMPLEMENTED: "TrainingJobName"},
    "ListTrainingJobs": {
        IMPLEMENTED: """
            NextToken MaxResults CreationTimeAfter CreationTimeBefore
            LastModifiedTimeAfter LastModifiedTimeBefore NameContains StatusEquals
            SortBy SortOrder
        """,
        REFUSED: "WarmPoolStatusEquals TrainingPlanArnEquals",
    },
    "CreateModelPackageGroup": {
        IMPLEMENTED: "ModelPackageGroupName ModelPackageGroupDescription Tags",
        REFUSED: "ManagedConfiguration",
    },
    "DescribeModelPackageGroup": {IMPLEMENTED: "ModelPackageGroupName"},
    "DeleteModelPackageGroup": {IMPLEMENTED: "ModelPackageGroupName"},
    "ListModelPackageGroups": {
        IMPLEMENTED: """
            CreationTimeAfter CreationTimeBefore MaxResults NameContains NextToken
            SortBy SortOrder CrossAccountFilterOption=SameAccount
        """,
        REFUSED: "CrossAccountFilterOption=CrossAccount",
    },
    "CreateModelPackage": {
        IMPLEMENTED: """
            ModelPackageName ModelPackageGroupName ModelPackageDescription Tags
            ModelApprovalStatus CustomerMetadataProperties ClientToken
            InferenceSpecification.Containers.Image
            InferenceSpecification.Containers.ModelDataUrl
            InferenceSpecification.Containers.Environment
            InferenceSpecification.Containers.ModelDataSource.S3DataSource.S3Uri
        """,
        STORED: f"""
            {MODEL_PACKAGE} MetadataProperties ModelMetrics Domain Task
            SamplePayloadUrl DriftCheckBaselines AdditionalInferenceSpecifications
            SkipModelValidation SecurityConfig
        """,
        REFUSED: """
            ValidationSpecification SourceAlgorithmSpecification CertifyForMarketplace
            ManagedStorageType
        """,
    },
    "DescribeModelPackage": {
        IMPLEMENTED: "ModelPackageName IncludedData=AllData",
        REFUSED: "IncludedData=MetadataOnly",
    },
    "UpdateModelPackage": {
        IMPLEMENTED: """
            ModelPackageArn ModelApprovalStatus ApprovalDescription
            CustomerMetadataProperties CustomerMetadataPropertiesToRemove
        """,
        STORED: f"{MODEL_PACKAGE} AdditionalInferenceSpecificationsToAdd ClientToken",
    },
    "DeleteModelPackage": {IMPLEMENTED: "ModelPackageName"},
    "ListModelPackages": {
        IMPLEMENTED: """
            CreationTimeAfter CreationTimeBefore MaxResults NameContains
            ModelApprovalStatus ModelPackageGroupName ModelPackageType NextToken SortBy
            SortOrder
        """
    },
    "CreateModel": joined(
        {
            IMPLEMENTED: "ModelName ExecutionRoleArn Tags",
            STORED: "VpcConfig EnableNetworkIsolation",
            REFUSED: "InferenceExecutionConfig",
        },
        under("PrimaryContainer", CONTAINER),
        under("Containers", CONTAINER),
    ),
    "DescribeModel": {IMPLEMENTED: "ModelName"},
    "DeleteModel": {IMPLEMENTED: "ModelName"},
    "ListModels": {
        IMPLEMENTED: """
            SortBy SortOrder NextToken MaxResults NameContains CreationTimeBefore
            CreationTimeAfter
        """
    },
    "CreateEndpointConfig": {
        IMPLEMENTED: """
            EndpointConfigName Tags ProductionVariants.VariantName
            ProductionVariants.ModelName ProductionVariants.InitialInstanceCount
            ProductionVariants.InitialVariantWeight
            ProductionVariants.ServerlessConfig.MemorySizeInMB
            DataCaptureConfig
        """,
        STORED: """
            ProductionVariants.InstanceType ProductionVariants.VolumeSizeInGB
            ProductionVariants.ModelDataDownloadTimeoutInSeconds
            ProductionVariants.ContainerStartupHealthCheckTimeoutInSeconds
            ProductionVariants.VariantInstanceProvisionTimeoutInSeconds
            ProductionVariants.EnableSSMAccess ProductionVariants.InferenceAmiVersion
            ProductionVariants.RoutingConfig.RoutingStrategy
            ProductionVariants.ServerlessConfig.MaxConcurrency
            ProductionVariants.ServerlessConfig.ProvisionedConcurrency
            DataCaptureConfig.KmsKeyId KmsKeyId VpcConfig EnableNetworkIsolation
            ExecutionRoleArn
        """,
        REFUSED: """
            ProductionVariants.InstancePools ProductionVariants.AcceleratorType
            ProductionVariants.CoreDumpConfig ProductionVariants.ManagedInstanceScaling
            ProductionVariants.RoutingConfig.PrefixAwareRoutingConfig
            ProductionVariants.CapacityReservationConfig
            ProductionVariants.AcceleratorPartitionLayouts AsyncInferenceConfig
            ExplainerConfig ShadowProductionVariants MetricsConfig
            CrossRegionTrafficConfig
        """,
    },
    "DescribeEndpointConfig": {IMPLEMENTED: "EndpointConfigName"},
    "DeleteEndpointConfig": {IMPLEMENTED: "EndpointConfigName"},
    "ListEndpointConfigs": {
        IMPLEMENTED: """
            SortBy SortOrder NextToken MaxResults NameContains CreationTimeBefore
            CreationTimeAfter
        """
    },
    "CreateEndpoint": joined(
        {IMPLEMENTED: "EndpointName EndpointConfigName Tags"},
        under("DeploymentConfig", DEPLOYMENT),
    ),
    "DescribeEndpoint": {IMPLEMENTED: "EndpointName"},
    "UpdateEndpoint": joined(
        {
            IMPLEMENTED: """
                EndpointName EndpointConfigName RetainAllVariantProperties
                ExcludeRetainedVariantProperties RetainDeploymentConfig
            """
        },
        under("DeploymentConfig", DEPLOYMENT),
    ),
    "UpdateEndpointWeightsAndCapacities": {
        IMPLEMENTED: """
            EndpointName DesiredWeightsAndCapacities.VariantName
            DesiredWeightsAndCapacities.DesiredWeight
            DesiredWeightsAndCapacities.DesiredInstanceCount
        """,
        REFUSED: "DesiredWeightsAndCapacities.ServerlessUpdateConfig",
    },
    "DeleteEndpoint": {IMPLEMENTED: "EndpointName"},
    "ListEndpoints": {
        IMPLEMENTED: """
            SortBy SortOrder NextToken MaxResults NameContains CreationTimeBefore
            CreationTimeAfter LastModifiedTimeBefore LastModifiedTimeAfter StatusEquals
        """
    },
    "AddTags": {IMPLEMENTED: "ResourceArn Tags"},
    "ListTags": {IMPLEMENTED: "ResourceArn NextToken MaxResults"},
    "DeleteTags": {IMPLEMENTED: "ResourceArn TagKeys"},
    "Search": {
        IMPLEMENTED: """
            Resource SearchExpression SortBy SortOrder NextToken MaxResults
            CrossAccountFilterOption=SameAccount
        """,
        REFUSED: "VisibilityConditions CrossAccountFilterOption=CrossAccount",
    },
}
RUNTIME_ACTIONS: dict[str, Rules] = {
    "InvokeEndpoint": {
        IMPLEMENTED: "EndpointName Body ContentType Accept TargetVariant InferenceId",
        STORED: "CustomAttributes",
        REFUSED: """
            TargetModel TargetContainerHostname EnableExplanations
            InferenceComponentName SessionId
        """,
    },
}
# Of the actions that moto answers from records: the parameters that moto ignores. Of
# the others it stores those of Create and Update, and does the rest.
RECORDED: dict[str, str] = {
    "CreateExperiment": "Description DisplayName Tags",
    "DescribeExperiment": "",
    "DeleteExperiment": "",
    "ListExperiments": "CreatedAfter CreatedBefore SortBy SortOrder",
    "CreateTrial": "DisplayName MetadataProperties Tags",
    "DescribeTrial": "",
    "DeleteTrial": "",
    "ListTrials": "CreatedAfter CreatedBefore SortBy SortOrder",
    "CreateTrialComponent": "Tags",
    "UpdateTrialComponent": "",
    "DescribeTrialComponent": "",
    "DeleteTrialComponent": "",
    "ListTrialComponents": """
        CreatedAfter CreatedBefore ExperimentName SortBy SortOrder SourceArn
    """,
    "AssociateTrialComponent": "",
    "DisassociateTrialComponent": "",
    "CreatePipeline": "PipelineVersionAliases",
    "UpdatePipeline": "PipelineVersionAliases",
    "DescribePipeline": "PipelineVersionAlias PipelineVersionId",
    "DeletePipeline": "",
    "ListPipelines": "ManagedBy",
    "CreateModelCard": "",
    "UpdateModelCard": "",
    "DescribeModelCard": "IncludedData",
    "DeleteModelCard": "",
    "ListModelCards": "",
    "ListModelCardVersions": "",
    "CreateDataQualityJobDefinition": "",
    "DescribeDataQualityJobDefinition": "",
    "DeleteDataQualityJobDefinition": "",
    "ListDataQualityJobDefinitions": """
        CreationTimeAfter CreationTimeBefore EndpointName MaxResults NameContains
        NextToken SortBy SortOrder
    """,
    "CreateModelBiasJobDefinition": "",
    "DescribeModelBiasJobDefinition": "",
    "DeleteModelBiasJobDefinition": "",
    "ListModelBiasJobDefinitions": """
        CreationTimeAfter CreationTimeBefore EndpointName MaxResults NameContains
        NextToken SortBy SortOrder
    """,
    "CreateModelExplainabilityJobDefinition": "",
    "DescribeModelExplainabilityJobDefinition": "",
    "DeleteModelExplainabilityJobDefinition": "",
    "ListModelExplainabilityJobDefinitions": "",
    "CreateModelQualityJobDefinition": "",
    "DescribeModelQualityJobDefinition": "",
    "DeleteModelQualityJobDefinition": "",
    "ListModelQualityJobDefinitions": "",
}
WRITES = ("Create", "Update")
ACTIONS |= {
    action: {
        REFUSED: ignored,
        OTHERS: STORED if action.startswith(WRITES) else IMPLEMENTED,
    }
    for action, ignored in RECORDED.items()
}
# Moto would answer all actions on these as if something ran, or was there.
PRETENDED: dict[str, str] = {
    "AutoMLJob": "AutoML jobs do not run",
    "Cluster": "there are no clusters",
    "CompilationJob": "compilation jobs do not run",
    "Domain": "there is no Studio",
    "FeatureGroup": "there is no Feature Store",
    "HyperParameterTuningJob": "tuning jobs do not run",
    "NotebookInstance": "there are no notebook instances",
    "PipelineExecution": "pipelines are records, and do not run",
    "PipelineDefinitionForExecution": "pipelines are records, and do not run",
    "PipelineParametersForExecution": "pipelines are records, and do not run",
    "ProcessingJob": "processing jobs do not run",
    "TransformJob": "batch transform jobs do not run",
}

SAGEMAKER = Service(
    name="sagemaker",
    title="SageMaker",
    actions=ACTIONS,
    reasons=REASONS,
    pretended=PRETENDED,
)
RUNTIME = Service(
    name="sagemaker-runtime",
    title="SageMaker Runtime",
    actions=RUNTIME_ACTIONS,
    reasons=REASONS,
)
