"""The paths of S3."""

from moto.s3.urls import url_bases

from embedded_aws.s3.responses import Response

__all__ = ["url_bases", "url_paths"]

url_paths = {
    "{0}/$": Response.bucket_dispatch,
    "{0}/(?P<key_or_bucket_name>[^/]+)$": Response.ambiguous_dispatch,
    "{0}/(?P<key_or_bucket_name>[^/]+)/$": Response.ambiguous_dispatch,
    "{0}/(?P<bucket_name_path>[^/]+)/(?P<key_name>.+)": Response.key_dispatch,
    "{0}/(?P<key_name>/.*)$": Response.key_dispatch,
}
