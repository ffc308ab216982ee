"""The path of CloudWatch."""

from moto.cloudwatch.urls import url_bases

from embedded_aws.cloudwatch.responses import Response

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": Response.dispatch}
