"""The path of IAM."""

from moto.iam.urls import url_bases

from embedded_aws.iam.responses import Response

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": Response.dispatch}
