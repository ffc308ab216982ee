"""A laptop on which everything that AWS's clients read leads to a real account."""

from pathlib import Path

ELSEWHERE = "https://elsewhere.example"
CONFIG = f"""\
[default]
endpoint_url = {ELSEWHERE}
ignore_configured_endpoint_urls = true
use_fips_endpoint = true
use_dualstack_endpoint = true
credential_process = /bin/false
services = far
s3 =
  use_accelerate_endpoint = true
[profile dev]
sso_session = far
sso_account_id = 1
sso_role_name = admin
services = far
[sso-session far]
sso_region = eu-central-1
sso_start_url = {ELSEWHERE}/start
[services far]
sagemaker =
  endpoint_url = {ELSEWHERE}
s3 =
  endpoint_url = {ELSEWHERE}
"""
SERVICES = ("S3", "SAGEMAKER", "SAGEMAKER_RUNTIME", "STS", "CLOUDWATCH_LOGS")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")
VARIABLES = {
    **{f"AWS_ENDPOINT_URL_{name}": ELSEWHERE for name in SERVICES},
    **dict.fromkeys(PROXIES, "http://192.0.2.1:3128"),
    "NO_PROXY": "intranet.example",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "legacy",
    "AWS_DEFAULTS_MODE": "nonsense",
    "AWS_CA_BUNDLE": "/nowhere/ca.pem",
    # Credentials of other kinds, and ways to get some.
    "AWS_PROFILE": "dev",
    "AWS_SESSION_TOKEN": "old",
    "AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z",
    "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/real",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/x",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://169.254.169.254",
}


def variables(folder: Path) -> dict[str, str]:
    """Return the environment variables of such a laptop.

    Args:
        folder: for its files.
    """
    files = {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"}
    (folder / "config").write_text(CONFIG)
    (folder / "credentials").write_text("[dev]\naws_access_key_id = mine\n")
    return VARIABLES | {name: str(folder / file) for name, file in files.items()}
