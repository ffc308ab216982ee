"""The paths of S3."""

from moto.s3.urls import url_bases, url_paths

__all__ = ["url_bases", "url_paths"]
