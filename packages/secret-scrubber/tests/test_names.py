"""Names say which values are secret."""

import pytest
from secret_scrubber import looks_secret
from secret_scrubber.names import holds_secret, secrets_of

SECRET = [
    "GITHUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "API_KEY",
    "apiKey",
    "db-password",
    "CIRCLE_OIDC_TOKEN_V2",
    "PRIVATE_KEY",
    "GOOGLE_CREDENTIALS",
    "GITHUB_PAT",
    "DB_PASS",
    "DBPASSWORD",
    "APITOKEN",
    "ACCESSTOKEN",
    "SSH_KEY",
    "MASTER_KEY",
    "SENTRY_DSN",
    "PGPASSWORD",
    "MYSQL_PWD",
    "x-api-key",
    "client_secret",
    "SecretAccessKey",
    "secret_key",
    "AccountKey",
    "SSHKEY",
    "AIRFLOW__CORE__FERNET_KEY",
    "DJANGO_SECRET_KEY",
    "JWT_SIGNING_KEY",
    "passphrase",
    "clientSecret",
    "HF_BEARER",
    "X-Vault-Token",
    "accessToken",
]
# Of variables, whose values are masked where in doubt.
HELD = [
    "DATADOG_KEY",
    "MAPS_KEY",
    "SMTPPASS",
    "REDISCLI_AUTH",
    "SLACK_WEBHOOK",
    "SLACK_WEBHOOK_URL",
    "SESSION_COOKIE",
    "ROUTER_PASS",
    "OPENAI_KEY",
]
OTHER = [
    "PATH",
    "MAX_TOKENS",
    "tokenizer",
    "KEY",
    "hockey",
    "PRIVATE",
    "access",
    "OLDPWD",
    "sort_key",
    "SSH_AUTH_SOCK",
    "public_key",
    "token_count",
    "SSH_ASKPASS",
    "compass",
    "monkey",
    "XDG_SESSION_ID",
    "KEYBOARD",
    "S3_KEY",
    "customer_key",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "secretary",
    "PRIMARY_KEY",
    "SECRET_NAME",
    "key",
    "PASSWORD_MIN_LENGTH",
    "hash_key",
    "TOKEN_TTL",
    "AUTH",
    "passed",
    "keys",
    "bypass",
]


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """Environments, parameters and headers write it in different ways."""
    assert looks_secret(name)
    assert holds_secret(name)


@pytest.mark.parametrize("name", HELD)
def test_variables_are_taken_for_secrets_more_often(name: str) -> None:
    """As arguments of a function they could be anything."""
    assert holds_secret(name)


@pytest.mark.parametrize("name", sorted(set(OTHER) - {"OLDPWD"}))
def test_the_name_of_something_else_is_not_a_secret(name: str) -> None:
    """Words are compared, and what they are about."""
    assert not looks_secret(name)
    assert not holds_secret(name)


def test_a_shells_folders_are_no_passwords() -> None:
    """Every process has them."""
    folders = {"PWD": "/home/ada/models", "OLDPWD": "/home/ada"}

    assert list(secrets_of(folders)) == []


def test_a_password_is_taken_from_a_url() -> None:
    """Whatever the variable is called."""
    variables = {"DATABASE": "postgresql://ada:l0velace@db/x", "HOME": "/home/ada"}

    assert list(secrets_of(variables)) == ["l0velace"]
