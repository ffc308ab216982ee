"""The path of SageMaker."""

from moto.sagemaker.urls import url_bases

from embedded_aws.sagemaker.responses import Response

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": Response.dispatch}
