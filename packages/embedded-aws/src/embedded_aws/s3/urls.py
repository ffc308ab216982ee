"""Where S3 answers."""

from moto.s3.urls import url_bases, url_paths

__all__ = ["url_bases", "url_paths"]
