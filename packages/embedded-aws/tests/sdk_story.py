"""What a team does with SageMaker's SDK, from a training job to an answer."""

import os

import boto3
from sagemaker.core import image_uris
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
)
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig, SourceCode

role, bucket = os.environ["SAGEMAKER_EXECUTION_ROLE_ARN"], os.environ["BUCKET"]
name, image = os.environ["NAME"], image_uris.retrieve("xgboost", "us-east-1", "3.2-0")
trainer = ModelTrainer(
    training_image=image,
    role=role,
    base_job_name=name,
    hyperparameters={"num_round": 5, "objective": "reg:squarederror"},
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/out"),
)
channels = [
    InputData(
        channel_name=channel,
        data_source=f"s3://{bucket}/data/{channel}/",
        content_type="text/csv",
    )
    for channel in ("train", "validation")
]
trainer.train(input_data_config=channels, wait=False)
# What `wait=True, logs=True` does, but for its five seconds from one look to the next.
trainer._latest_training_job.wait(poll=1, logs=True)
trainer._latest_training_job.refresh()
data = trainer._latest_training_job.model_artifacts.s3_model_artifacts

ModelPackageGroup.create(model_package_group_name=name)
# The SDK's own ModelPackage.create expects a name in the answer, which has only an ARN.
arn = boto3.client("sagemaker").create_model_package(
    ModelPackageGroupName=name,
    InferenceSpecification={
        "Containers": [{"Image": image, "ModelDataUrl": data}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
)["ModelPackageArn"]
package = ModelPackage.get(model_package_name=arn)
package.update(model_approval_status="Approved")
package.refresh()
print("status", package.model_approval_status, package.model_package_version)

Model.create(
    model_name=name,
    execution_role_arn=role,
    primary_container=ContainerDefinition(model_package_name=package.model_package_arn),
)
variant = ProductionVariant(
    variant_name="AllTraffic",
    model_name=name,
    instance_type="ml.m5.large",
    initial_instance_count=1,
)
EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
endpoint.wait_for_status("InService", poll=1)
answer = endpoint.invoke(body=b"0.5,0.25", content_type="text/csv")
print("answer", answer.body.read().decode())

# A script of one's own, with its own inference code in the model.
scripted = ModelTrainer(
    training_image=image_uris.retrieve(
        "sklearn", "us-east-1", "1.9-0", image_scope="training"
    ),
    source_code=SourceCode(source_dir=os.environ["SOURCE"], entry_script="train.py"),
    role=role,
    base_job_name=name,
    hyperparameters={"slope": 2, "name": "a b"},
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/out"),
)
scripted.train(input_data_config=channels[:1], wait=False)
scripted._latest_training_job.wait(poll=1, logs=True)
scripted._latest_training_job.refresh()
Model.create(
    model_name=f"{name}-2",
    execution_role_arn=role,
    primary_container=ContainerDefinition(
        image=scripted.training_image,
        model_data_url=scripted._latest_training_job.model_artifacts.s3_model_artifacts,
        environment={"SAGEMAKER_PROGRAM": "train.py"},
    ),
)
variant.model_name = f"{name}-2"
EndpointConfig.create(endpoint_config_name=f"{name}-2", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name=f"{name}-2", endpoint_config_name=f"{name}-2")
endpoint.wait_for_status("InService", poll=1)
answer = endpoint.invoke(body=b"21", content_type="text/csv", accept="text/csv")
print("script", answer.body.read().decode())
