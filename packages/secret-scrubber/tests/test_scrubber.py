"""Secrets are replaced, however they are written, and nothing else is."""

import base64
import gzip
import hashlib
import html
import json
import random
import textwrap
import time
import unicodedata
import uuid
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from leaks import ASSIGNED, KEPT, TOKENS, VALUE
from secret_scrubber import MASK, Scrubber

SECRET = "pa$$ w\"o'r<d>&/é\\1"
LONG = "correct-horse-battery-staple-0123456789"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
COMMIT = "16389943f4a1c2b3d4e5f60718293a4b5c6d7e8f"
TEMPORARY = "ASIA" + "Y34FZKBOKMUTVV7A"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
SPELLED: dict[str, Callable[[str], str]] = {
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: f"0x{s.encode().hex().upper()}",
    "hex of more": lambda s: f"user={s};".encode().hex(),
    "hex apart": lambda s: s.encode().hex(":"),
    "hex dump": lambda s: s.encode().hex(" ", -2),
    "escaped bytes": lambda s: "".join(f"\\x{one:02x}" for one in s.encode("latin-1")),
    "escaped": lambda s: "".join(f"\\u{ord(one):04x}" for one in s),
    "octal": lambda s: "".join(f"\\{one:03o}" for one in s.encode("latin-1")),
    "numbers": lambda s: str(list(s.encode())),
    "base32": lambda s: base64.b32encode(s.encode()).decode(),
    "base32 of more": lambda s: base64.b32encode(f"ab{s}c".encode()).decode().lower(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 twice": lambda s: base64.b64encode(base64.b64encode(s.encode())).decode(),
    "base64 of hex": lambda s: base64.b64encode(s.encode().hex().encode()).decode(),
    "base64 of JSON": lambda s: base64.b64encode(json.dumps([s]).encode()).decode(),
    "base64 of UTF-16": lambda s: base64.b64encode(s.encode("utf-16")).decode(),
    "base85": lambda s: base64.b85encode(s.encode()).decode(),
    "gzip": lambda s: base64.b64encode(gzip.compress(s.encode())).decode(),
    "zlib": lambda s: base64.b64encode(zlib.compress(f"a {s}".encode())).decode(),
    "hex of gzip": lambda s: gzip.compress(s.encode()).hex(),
    "entities": lambda s: "".join(f"&#{ord(one)};" for one in s),
    "hex entities": lambda s: "".join(f"&#x{ord(one):X};" for one in s),
    "some entities": lambda s: s[:4] + "".join(f"&#{ord(one)};" for one in s[4:]),
    "JSON in HTML": lambda s: html.escape(json.dumps(s)[1:-1]),
    "JSON in JSON": lambda s: json.dumps(json.dumps(s)[1:-1])[1:-1],
    "a URL": lambda s: quote(s, safe=""),
    "all of a URL": lambda s: "".join(f"%{one:02X}" for one in s.encode()),
    "wrapped": lambda s: gaps(s, "\n", 7),
    "indented": lambda s: gaps(s, "\n      ", 9),
    "in quotes": lambda s: gaps(s, "'\n '", 9),
    "continued": lambda s: gaps(s, "\\\n", 5),
    "filled": lambda s: textwrap.fill(s, 12),
    "coloured": lambda s: gaps(s, "\x1b[0m\x1b[31;1m", 4),
    "linked": lambda s: gaps(s, "\x1b]8;;http://x\x07", 6),
    "reversed": lambda s: s[::-1],
    "decomposed": lambda s: unicodedata.normalize("NFD", s),
}


@pytest.fixture
def scrubber() -> Scrubber:
    """A scrubber that knows two secrets of the environment."""
    return Scrubber.from_environment({"TOY_TOKEN": SECRET, "DB_PASSWORD": LONG})


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
        ("sent Bearer abc.def-12345, and", f"sent Bearer {MASK}, and"),
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
    image = base64.b64encode(random.Random(1).randbytes(1_000_000)).decode()
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
    quoted = "postgresql%3A%2F%2Fada%3A{}%40db.example.com"
    clean = Scrubber().text(f"at {quoted.format('l0velace')} now")

    assert clean == f"at {quoted.format(MASK)} now"
    assert Scrubber().text("100%25 a%20b") == "100%25 a%20b"


def test_a_dotless_i_hides_no_secret() -> None:
    """Patterns that ignore case take it for an i."""
    said = Scrubber().text("Author\u0131zation: Bearer abcdefghijkl")

    assert said == f"Author\u0131zation: Bearer {MASK}"


@pytest.mark.parametrize("kind", TOKENS)
def test_an_issuers_token_is_replaced(kind: str) -> None:
    """It is in base64, hexadecimal and base32, too; and what is around it is kept."""
    secret = TOKENS[kind]
    core = secret[-7:]
    content = f"it is {secret}\n".encode()
    encoded = base64.b64encode(content), base64.b32encode(content)
    for one in (secret, f"'{secret}'", f"({secret})", f"<p>{secret}</p>"):
        clean = Scrubber().text(f"before {one}, after")
        assert core not in clean
        assert clean.startswith("before ")
        assert clean.endswith(", after")
    for text in (*(one.decode() for one in encoded), content.hex()):
        assert Scrubber().text(f"before {text} after") == f"before {MASK} after"


@pytest.mark.parametrize("text", ASSIGNED)
def test_what_stands_beside_a_secrets_name_is_replaced(text: str) -> None:
    """Whatever the syntax; the name stays, for the reader."""
    clean = Scrubber().text(text.replace("¤", VALUE))

    assert clean == text.replace("¤", MASK)


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays(text: str) -> None:
    """Code that names no value, counts, and keys that find something."""
    assert Scrubber().text(text) == text


def test_temporary_credentials_are_replaced() -> None:
    """As they are printed by boto3, the AWS CLI and a shell."""
    session = "IQoJb3JpZ2luX2VjE" + "a1B2/+" * 30 + "=="
    held = {"AccessKeyId": TEMPORARY, "SecretAccessKey": AWS_SECRET}
    held |= {"SessionToken": session, "Expiration": "2026-11-28T21:00:00Z"}
    texts = [
        f"ReadOnlyCredentials(access_key='{TEMPORARY}', secret_key='{AWS_SECRET}', "
        f"token='{session}', account_id=None)",
        json.dumps({"Credentials": held}, indent=4),
        repr(held),
        f"export AWS_ACCESS_KEY_ID={TEMPORARY}\nexport AWS_SECRET_ACCESS_KEY="
        f"{AWS_SECRET}\nexport AWS_SESSION_TOKEN={session}\n",
        f"CREDENTIALS\t{TEMPORARY}\t2026-11-28T21:00:00Z\t{AWS_SECRET}\t{session}",
        f"| AccessKeyId | {TEMPORARY} |\n| Secret | {AWS_SECRET} |\n| {session} |",
        str((TEMPORARY, AWS_SECRET, session)),
        f"<td>{TEMPORARY}</td><td>{AWS_SECRET}</td><td>{session}</td>",
    ]
    for text in texts:
        clean = Scrubber().text(text)
        for secret in (TEMPORARY, AWS_SECRET, session):
            assert secret not in clean, text
        assert clean.count(MASK) == 3
    tree = {"secret_key": "abc", "token": "d", "n": [1], "detect-secrets": "1.5.0"}
    assert Scrubber().tree(tree) == tree | {"secret_key": MASK, "token": MASK}


def gaps(value: str, gap: str, every: int) -> str:
    parts = [value[at : at + every] for at in range(0, len(value), every)]
    return gap.join(parts)


@pytest.mark.parametrize(
    "value", [SECRET, LONG, "correct horse battery staple", "ümläut-and-more"]
)
@pytest.mark.parametrize("spell", SPELLED)
def test_a_known_value_is_found_in_any_encoding(value: str, spell: str) -> None:
    """And nothing around it is lost."""
    scrubber = Scrubber.from_environment({"A_TOKEN": value})
    spelt = SPELLED[spell](value)
    clean = scrubber.text(f"before {spelt} after")

    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert clean.count(MASK) == 1
    assert len(clean) < len(f"before {MASK} after") + 80
    assert value not in clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"key {PRIVATE} and more", f"key {MASK} and more"),
        (
            "cannot read -----BEGIN RSA PRIVATE KEY-----: no such file, rows 4177",
            f"cannot read {MASK}: no such file, rows 4177",
        ),
        (
            f"-----BEGIN PRIVATE KEY-----\n{'aB1/' * 16}\n{'aB1/' * 16}\naB1=\n\n"
            "Traceback (most recent call last):\nrows 4177",
            f"{MASK}\n\nTraceback (most recent call last):\nrows 4177",
        ),
        (f"{repr(PRIVATE)[:40]}...\\nrows 4177", f"'{MASK}...\\nrows 4177"),
        (repr(PRIVATE) + ", 7", f"'{MASK}', 7"),
        (
            json.dumps({"private_key": PRIVATE, "n": 7}),
            f'{{"private_key": "{MASK}", "n": 7}}',
        ),
    ],
)
def test_of_a_private_key_no_more_is_taken_than_the_key(text: str, clean: str) -> None:
    """It may lack its end, as in the message of an error."""
    assert Scrubber().text(text) == clean


def identifiers() -> Iterator[str]:
    """Make 2,400 hashes, UUIDs, numbers and images as programs print them."""
    rng = random.Random(7)
    for number in range(100):
        content = rng.randbytes(64)
        sha256, sha1 = hashlib.sha256(content), hashlib.sha1(content)
        name = uuid.UUID(bytes=rng.randbytes(16), version=4)
        yield f"sha256 {sha256.hexdigest()}"
        yield f"sha256:{sha256.hexdigest()}"
        yield f'"fingerprint": "{sha256.hexdigest()}"'
        yield f"commit {sha1.hexdigest()}"
        yield f"{sha1.hexdigest()[:12]} Say what changed"
        yield f"ETag: {hashlib.md5(content).hexdigest()}"
        yield f'{{"etag": "\\"{hashlib.md5(content).hexdigest()}\\""}}'
        yield f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
        yield f"x-amz-id-2: {base64.b64encode(rng.randbytes(57)).decode()}"
        yield f"blob {base64.b64encode(sha256.digest()).decode()}"
        yield f"{name}"
        yield f"run_id={name}"
        yield f"{name.hex} {name.urn}"
        yield f"s3://bucket/churn/runs/20261123053633-{sha1.hexdigest()[:6]}/x"
        yield f"arn:aws:sagemaker:us-east-1:{rng.randrange(10**12):012}:model/m"
        yield f"{rng.random()} {rng.gauss(0, 1e6)} {rng.randrange(10**18)}"
        yield str([rng.randrange(256) for _ in range(40)])
        yield " ".join(f"{one:02x}" for one in rng.randbytes(24))
        yield ":".join(f"{one:02X}" for one in rng.randbytes(20))
        yield str([rng.random() for _ in range(9)])
        yield base64.b32encode(rng.randbytes(20)).decode()
        yield f"tokens: {rng.random()}, token_count={number}, key: {sha1.hexdigest()}"
        image = b"\x89PNG\r\n\x1a\n" + rng.randbytes(3_000)
        yield base64.b64encode(image).decode()
        yield f'<img src="data:image/png;base64,{base64.encodebytes(image).decode()}">'


def test_hashes_uuids_numbers_and_images_are_not_damaged() -> None:
    """Not one of 2,400: the page is made of them."""
    texts = list(identifiers())
    scrubber = Scrubber.from_environment({"TOY_TOKEN": SECRET, "DB_PASSWORD": LONG})
    text = "\n".join(texts)

    assert len(texts) == 2_400
    assert [one for one in texts if scrubber.text(one) != one] == []
    assert scrubber.text(text) == text


def test_a_flood_is_scrubbed_in_seconds() -> None:
    """A megabyte takes a fraction of one, whatever it consists of."""
    lines = "\n".join(identifiers())
    epochs = "".join(
        f"epoch {n} loss {n / 7:.6f} the token and key of\n" for n in range(9_000)
    )
    scrubber = Scrubber.from_environment({"TOY_TOKEN": SECRET, "DB_PASSWORD": LONG})
    started = time.process_time()
    scrubber.text(lines[-400_000:])
    scrubber.text(epochs)

    assert time.process_time() - started < 2
