"""The path of CloudWatch."""

from moto.cloudwatch.urls import url_bases, url_paths

__all__ = ["url_bases", "url_paths"]
