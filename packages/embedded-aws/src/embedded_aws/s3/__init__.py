"""S3 with the account's default bucket and the public data."""
