"""No secret leaves, however it is spelt."""

import base64
import html
import json
from urllib.parse import quote

import pytest

from runner.notebook.scrub import MASK, Scrubber, looks_secret

SECRET = "pa$$ w\"o'r<d>&/é\\1"
LONG = "correct-horse-battery-staple-0123456789"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
COMMIT = "16389943f4a1c2b3d4e5f60718293a4b5c6d7e8f"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"


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
    """As environments and parameters spell it."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["PATH", "MAX_TOKENS", "tokenizer", "KEY", "hockey", "PRIVATE", "access"]
)
def test_other_names_are_no_secrets(name: str) -> None:
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
def test_a_known_value_is_found_however_it_is_spelt(
    scrubber: Scrubber, spelt: str
) -> None:
    """Raw, escaped for JSON, HTML, Python or URLs, and in base64."""
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
def test_what_has_the_form_of_a_secret_is_found(secret: str) -> None:
    """Also when no variable of the environment holds it."""
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
def test_the_reader_sees_what_was_there(text: str, clean: str) -> None:
    """Only the secret part goes."""
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
def test_other_text_stays(scrubber: Scrubber, text: str) -> None:
    """A page full of masks would hide what a reviewer needs."""
    assert scrubber.text(text) == text


def test_short_values_are_words() -> None:
    """A token that is `true` must not empty the page."""
    scrubber = Scrubber.from_environment({"USE_TOKEN": "true", "PASSWORD": "unused"})

    assert scrubber.text("true, unused") == "true, unused"


def test_other_variables_are_not_secret() -> None:
    """Only the name tells."""
    scrubber = Scrubber.from_environment({"HOME": "/home/somebody"})

    assert scrubber.text("/home/somebody") == "/home/somebody"


def test_each_line_of_a_long_secret_counts() -> None:
    """A key in several lines may be printed line by line."""
    scrubber = Scrubber.from_environment({"SIGNING_KEY": "first-line\nsecond-line"})

    assert scrubber.text("> second-line") == f"> {MASK}"


def test_a_tree_is_scrubbed_whole(scrubber: Scrubber) -> None:
    """Keys and values at every depth; numbers and structure stay."""
    tree = {"a": [1, None, {SECRET: [f"x{SECRET}"]}], "b": 2.5, "c": True}

    assert scrubber.tree(tree) == {
        "a": [1, None, {MASK: [f"x{MASK}"]}],
        "b": 2.5,
        "c": True,
    }


def test_a_large_image_takes_no_time(scrubber: Scrubber) -> None:
    """A notebook with a megabyte of figures is scrubbed in well under a second."""
    import time

    image = base64.b64encode(bytes(range(256)) * 4096).decode()
    started = time.process_time()
    scrubber.text(image)

    assert time.process_time() - started < 2


@pytest.mark.parametrize("piece", ["a", "A", "0f", "a%", "%41", "a.", " ", "\n"])
def test_no_text_takes_long(scrubber: Scrubber, piece: str) -> None:
    """Whatever a notebook prints a hundred thousand times."""
    import time

    text = piece * (100_000 // len(piece))
    started = time.process_time()
    scrubber.text(text)

    assert time.process_time() - started < 3


def test_what_is_quoted_for_a_url_is_found() -> None:
    """Also a secret that is known by its form only."""
    quoted = "postgresql%3A%2F%2Fada%3Al0velace%40db.example.com"

    assert Scrubber().text(f"at {quoted} now") == f"at {MASK} now"
    assert Scrubber().text("100%25 a%20b") == "100%25 a%20b"


def test_a_letter_that_only_looks_like_another_hides_nothing() -> None:
    """Patterns that pass over case take a dotless i for an i."""
    said = Scrubber().text("Author\u0131zation: Bearer abcdefghijkl")

    assert said == f"Author\u0131zation: Bearer {MASK}"
