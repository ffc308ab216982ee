"""Secrets are replaced, however they are written, and nothing else is."""

import base64
import html
import json
import time
from urllib.parse import quote

import pytest

from runner.notebook.scrub import MASK, Scrubber, _detect, looks_secret

SECRET = "pa$$ w\"o'r<d>&/é\\1"
LONG = "correct-horse-battery-staple-0123456789"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
COMMIT = "16389943f4a1c2b3d4e5f60718293a4b5c6d7e8f"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
# In pieces, so that no scanner takes this file for a leak.
ISSUED = {
    "SendGrid": "SG." + "a" * 22 + "." + "b" * 43,
    "Stripe": "sk_" + "live_" + "a1" * 12,
    "Twilio": "SK" + "ab12" * 8,
    "Slack": "https://hooks." + "slack.com/services/T0AAAAAAA/B0AAAAAAA/abcdEFGH1234",
    "PyPI": "pypi-" + "AgEIcHlwaS5vcmc" + "A1b_" * 20,
    "Azure": "AccountKey=" + "a1B/" * 22,
    "Telegram": "123456789" + ":" + "aB3_-" * 7,
    "GitLab": "glrt-" + "a1B2" * 5,
    "AWS": "aws_secret_key = '" + "aB1+" * 10 + "'",
}


@pytest.fixture
def scrubber() -> Scrubber:
    """A scrubber that knows two secrets of the environment."""
    return Scrubber.from_environment({"TOY_TOKEN": SECRET, "DB_PASSWORD": LONG})


@pytest.mark.parametrize(
    "name",
    [
        *("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "API_KEY", "apiKey", "db-password"),
        *("CIRCLE_OIDC_TOKEN_V2", "PRIVATE_KEY", "GOOGLE_CREDENTIALS", "GITHUB_PAT"),
    ],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """Environments and parameters write it in different ways."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["PATH", "MAX_TOKENS", "tokenizer", "KEY", "hockey", "PRIVATE", "access"]
)
def test_the_name_of_something_else_is_not_a_secret(name: str) -> None:
    """Whole words are compared."""
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
        repr(SECRET),
        quote(SECRET, safe=""),
        json.dumps(json.dumps({"nested": LONG})),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{LONG}".encode()).decode(),
        base64.urlsafe_b64encode(f"??>{SECRET}".encode()).decode(),
        base64.encodebytes(f"{'x' * 50}{LONG}{'y' * 50}".encode()).decode(),
        base64.b64encode(b"\x89PNG\r\n\x00\xff" + LONG.encode() + b"\x00").decode(),
    ],
)
def test_a_known_value_is_found_however_it_is_written(
    scrubber: Scrubber, spelt: str
) -> None:
    """It may be escaped for JSON, HTML, Python or URLs, or be in base64."""
    clean = scrubber.text(f"before {spelt} after")

    assert MASK in clean
    assert spelt not in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    for length in (LONG[:20], LONG[-20:], SECRET[:6]):
        assert length not in clean


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "ASIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2_" * 12,
        "CCIPAT_" + "a1B2" * 10,
        "xoxb-" + "1234567890-abcdef",
        "hf_" + "a1B2" * 9,
        "glpat-" + "a1B2" * 5,
        "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJl",
        PRIVATE,
    ],
)
def test_a_secret_is_found_by_its_form(secret: str) -> None:
    """No variable of the environment has to hold it."""
    clean = Scrubber().text(f"see {secret}\nand go on")

    assert clean == f"see {MASK}\nand go on"
    assert Scrubber().text(base64.b64encode(f"is {secret}".encode()).decode()) == MASK


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"aws_secret_access_key = {AWS_SECRET}", f"aws_secret_access_key = {MASK}"),
        (f'"SecretAccessKey": "{AWS_SECRET}"', f'"SecretAccessKey": "{MASK}"'),
        (f"{KEY},{AWS_SECRET}", f"{MASK},{MASK}"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {MASK}"),
        ("{'Authorization': 'Basic dXNlcg=='}", f"{{'Authorization': 'Basic {MASK}'}}"),
        ("https://me:hunter2@host/x", f"https://me:{MASK}@host/x"),
        ("postgresql://me:hunter2@host", f"postgresql://me:{MASK}@host"),
        ("?X-Amz-Signature=abc&a=1", f"?X-Amz-Signature={MASK}&a=1"),
        ("x?a=1&Signature=ab%2F&b", f"x?a=1&Signature={MASK}&b"),
        (
            "&amp;X-Amz-Security-Token=a&amp;b",
            f"&amp;X-Amz-Security-Token={MASK}&amp;b",
        ),
        ("password='hunter22'", f"password='{MASK}'"),
    ],
)
def test_only_the_secret_part_of_a_text_is_replaced(text: str, clean: str) -> None:
    """The reader sees what kind of secret was there."""
    assert Scrubber().text(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        f"commit {COMMIT}",
        "sha256 " + "b0532526412d4dae" * 4,
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/toy/1",
        "s3://bucket/toy/runs/20261123053633-a1b2c3/train/train.csv",
        "mean squared error 2.35, password reset calls 7",
        "https://example.com/a?b=c#d",
        base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20).decode(),
        "tokens = tokenizer(text)",
    ],
)
def test_other_text_is_kept(scrubber: Scrubber, text: str) -> None:
    """A page full of masks would hide what a reviewer needs."""
    assert scrubber.text(text) == text


def test_a_short_value_is_not_a_secret() -> None:
    """`USE_TOKEN=true` must not empty the page."""
    scrubber = Scrubber.from_environment({"USE_TOKEN": "true", "PASSWORD": "unused"})

    assert scrubber.text("true, unused") == "true, unused"


def test_the_value_of_another_variable_is_kept() -> None:
    """Only the name of a variable makes its value a secret."""
    scrubber = Scrubber.from_environment({"HOME": "/home/ada-lovelace"})

    assert scrubber.text("/home/ada-lovelace") == "/home/ada-lovelace"


def test_each_line_of_a_secret_is_a_secret() -> None:
    """A key in several lines may be printed line by line."""
    scrubber = Scrubber.from_environment({"SIGNING_KEY": "first-line\nsecond-line"})

    assert scrubber.text("> second-line") == f"> {MASK}"


def test_all_texts_of_a_json_value_are_scrubbed(scrubber: Scrubber) -> None:
    """Keys and values are at every depth; numbers and structure are kept."""
    tree = {"a": [1, None, {SECRET: [f"x{SECRET}"]}], "b": 2.5, "c": True}

    assert scrubber.tree(tree) == {
        "a": [1, None, {MASK: [f"x{MASK}"]}],
        "b": 2.5,
        "c": True,
    }


def test_a_large_image_is_scrubbed_quickly(scrubber: Scrubber) -> None:
    """A notebook may hold a megabyte of figures."""
    image = base64.b64encode(bytes(range(256)) * 4096).decode()
    started = time.process_time()
    scrubber.text(image)

    assert time.process_time() - started < 2


@pytest.mark.parametrize("piece", ["a", "A", "0f", "a%", "%41", "a.", " ", "\n"])
def test_a_repeated_text_is_scrubbed_quickly(scrubber: Scrubber, piece: str) -> None:
    """No pattern tries every part of a text with every other one."""
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    scrubber.text(text)

    assert time.process_time() - started < 3


def test_a_secret_that_is_quoted_for_a_url_is_found_by_its_form() -> None:
    """Other quoted text is kept."""
    quoted = "postgresql%3A%2F%2Fada%3Al0velace%40db.example.com"

    assert Scrubber().text(f"at {quoted} now") == f"at {MASK} now"
    assert Scrubber().text("100%25 a%20b") == "100%25 a%20b"


def test_a_dotless_i_hides_no_secret() -> None:
    """Patterns that ignore case take it for an i."""
    said = Scrubber().text("Author\u0131zation: Bearer abcdefghijkl")

    assert said == f"Author\u0131zation: Bearer {MASK}"


@pytest.mark.parametrize("kind", ISSUED)
def test_an_issuers_token_is_detected(kind: str) -> None:
    """It may stand anywhere in a line."""
    found = list(_detect(f"before {ISSUED[kind]} after"))

    assert found
    assert all(one in ISSUED[kind] for one in found)


@pytest.mark.parametrize("kind", ISSUED)
def test_an_issuers_token_is_replaced(kind: str) -> None:
    """It is in base64 too."""
    encoded = base64.b64encode(f"token {ISSUED[kind]}".encode()).decode()
    scrubbed = Scrubber().text(f"{ISSUED[kind]} {encoded}")

    assert ISSUED[kind] not in scrubbed
    assert encoded not in scrubbed
    assert scrubbed.count(MASK) >= 2


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/abalone/1",
        "churn-20261123063359-4063b4-20261123063432",
        "b0532526412d4dae5228a657232b60d83490ea99eff8e4de7f4934a0cbb14a48",
        "s3://sagemaker-us-east-1-123456789012/abalone/runs/20261123063359-2e0073",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
        "AccuracyPlot APCalibration1 8.8.8.8",
    ],
)
def test_names_and_hashes_are_not_detected(text: str) -> None:
    """The review page needs them."""
    assert list(_detect(text)) == []


def test_an_image_is_not_searched() -> None:
    """A megabyte of base64 takes no time."""
    started = time.process_time()

    assert list(_detect("iVBORw0K" * 150_000)) == []
    assert time.process_time() - started < 0.5
