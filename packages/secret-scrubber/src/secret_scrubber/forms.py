"""Forms of secrets: what issuers' tokens look like, and where else secrets stand.

Most are the rules of gitleaks, in its own file. Those here are wider, or of places and
issuers that it leaves out.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

GITLEAKS = Path(__file__).with_name("gitleaks.toml")
# Its rules that are not used, each with the reason.
LEFT_OUT = frozenset(
    {
        "curl-auth-header",  # these three read on over many lines, and are slow;
        "curl-auth-user",  # the forms below find the same
        "kubernetes-secret-yaml",
        "generic-api-key",  # takes hashes for keys; `assignments` asks for the name
        "private-key",  # `private_keys` ends where the key does
        "sourcegraph-access-token",  # is any git commit, beside that word
    }
)
# What follows a token in code, where it may stand in HTML or in a sentence here.
GITLEAKS_END = r"""(?:[\x60'"\s;]|\\[nr]|$)"""
# What comes before a name: only the value is masked, and it takes long to look for.
GITLEAKS_START = r"[\w.-]{0,50}?"
# By how their tokens begin; what follows is at least as long as `LEAST`.
PREFIXES = """
    AIza ATATT3 ATBB ATCTT3 CCIPAT_ CCIPRJ_ GOCSPX- LTAI NRAK- NRAL- NRII- NRJS- NRRA-
    PMAK- SG. ccipat_ cfpat- dapi dckr_pat_ doo_v1_ dop_v1_ dor_v1_ dp.ct. dp.pt. dp.st.
    eyJhbGciOi figd_ gho_ ghp_ ghr_ ghs_ ghu_ github_pat_ glpat- glsa_ glc_ gsk_ hf_
    hvb. hvr. hvs. lin_api_ ntn_ npm_ nvapi- phc_ phx_ pk_live_ pplx- pscale_
    pul- r8_ rk_live_ rk_test_ rubygems_ sbp_ secret_ shpat_ shpca_ shppa_ shpss_ shpua_
    sk- sk_live_ sk_test_ sl. sntrys_ sntryu_ sq0atp- sq0csp- tfp_ tskey- whsec_ xai-
    xapp- xkeysib- xoxa- xoxb- xoxc- xoxd- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- ya29.
""".split()  # noqa: SIM905, a list of words reads better unquoted
LEAST = {"xox": 10, "xapp-": 10, "glpat-": 20, "sk-": 20, "pul-": 40, "secret_": 40}
LEAST |= dict.fromkeys(("hf_", "npm_", "AIza", "dapi", "SG.", "sl."), 30)
TEXT_OF_TOKEN = r"[A-Za-z0-9_=/+.-]"
# Bits per character. Lower bounds of gitleaks keep only repeated letters out.
MIN_ENTROPY = 3.5


@dataclass(frozen=True)
class Form:
    """The form of one kind of secret.

    Attributes:
        signs: words in lower case, one of which any text with such a secret contains.
        expression: what group 1 matches is kept where `keeps` says so, else it is the
            secret.
        entropy: bits per character that a secret has at least.
    """

    signs: tuple[str, ...]
    expression: str
    keeps: bool = False
    entropy: float = 0.0

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern, compiled when the first text has one of the signs."""
        return re.compile(self.expression)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets begin and end."""
        for found in self.pattern.finditer(text):
            start, end = found.span()
            if self.keeps:
                start = found.end(1)
            elif found.re.groups:
                # A group holds the secret alone, or only the kind of token.
                group = max(
                    range(1, found.re.groups + 1), key=lambda n: _long(found, n)
                )
                if _long(found, group) >= 8:
                    start, end = found.span(group)
            if start < end and _entropy(text[start:end]) >= self.entropy:
                yield start, end


def _long(found: re.Match[str], group: int) -> int:
    return len(found[group] or "")


def _entropy(text: str) -> float:
    """Return Shannon's entropy of a text, in bits per character."""
    counts = Counter(text[:1000]).values()
    size = sum(counts)
    return -sum(one / size * math.log2(one / size) for one in counts)


def _kept(signs: str, expression: str) -> Form:
    return Form(tuple(signs.split()), expression, keeps=True)


OWN = (
    Form(
        ("a3t", "abia", "acca", "akia", "asia"),
        r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b",
    ),
    # Session tokens, which begin with the same bytes each.
    Form(
        ("iqojb3jpz2lu", "fwogzxivyxdz", "fqogzxivyxdz"),
        r"\b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9/+=]{16,}",
    ),
    # AWS secret keys are 40 characters; forty hexadecimal ones are a git commit.
    _kept("secret", r"(?i:(secret.{0,3}access.{0,3}key\W{1,8}))[A-Za-z0-9/+=]{40}\b"),
    Form(
        ("eyj",),
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",
    ),
    _kept(
        "authorization",
        r"(?i:(authorization\\?['\"]?\s*[:=]\s*\\?['\"]?"
        r"(?:basic|bearer|token|apikey|digest|key|negotiate)\s+))[^\s'\",<>\\]+",
    ),
    _kept(
        "authorization",
        r"(?i:(authorization\\?['\"]?\s*[:=]\s*\\?['\"]?))"
        r"(?=[^\s'\",<>\\]*\d)[^\s'\",<>\\-]{12,}",
    ),
    # Without a header's name: what follows looks random.
    _kept(
        "bearer basic",
        r"(\b(?:[Bb]earer|Basic)\s+)(?=[\w.~+/-]*\d)(?=[\w.~+/-]*[A-Za-z])"
        r"[\w.~+/-]{12,}=*",
    ),
    _kept("auth", r"(\bauth\s*=\s*\(\s*['\"][^'\"\n]*['\"]\s*,\s*['\"])[^'\"\n]+"),
    _kept("auth", r"(\"auth\"\s*:\s*\")[A-Za-z0-9+/=]{8,}(?=\")"),
    _kept("password", r"(\btype=[\"']password[\"'][^<>]{0,300}?\bvalue=[\"'])[^\"']+"),
    _kept("cookie", r"(?i:(\b(?:set-)?cookie\\?['\"]?:\s*\\?['\"]?))[^\n'\"<>\\]{8,}"),
    _kept("signature", r"(Signature\s*=\s*)[0-9a-f]{64}"),
    _kept(
        "x-amz- signature awsaccesskeyid sig=",
        r"(?i:([?&;](?:x-amz-signature|x-amz-security-token|x-amz-credential"
        r"|signature|awsaccesskeyid|sig)=))[^&\s'\"<>]+",
    ),
    _kept("://", r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"<>]*:)[^\s/@'\"<>]+(?=@)"),
    _kept("jdbc:", r"(?i:(jdbc:oracle:\w+:[^/\s'\"]+/))[^@\s'\"]+(?=@)"),
    # netrc, and programs that take a password as an argument.
    _kept("login", r"(\blogin\s+\S+\s+password\s+)\S+"),
    _kept(
        "curl wget http",
        r"(\b(?:curl|wget|https?)\b[^\n]{0,300}?\s(?:-u|-U|--(?:proxy-)?user)[ =]?"
        r"['\"]?[^\s:'\"]*:)[^\s'\"]+",
    ),
    _kept("mysql maria", r"(\b(?:mysql|maria)\w*\b[^\n]{0,200}?\s-p)[^\s'\"]+"),
    _kept(
        "sshpass login", r"(\b(?:sshpass|\w+ login)\b[^\n]{0,200}?\s-p ?)[^\s'\"-]\S+"
    ),
    _kept(
        "discord",
        r"(?i:(discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/))[\w-]{16,}",
    ),
    _kept(
        "hooks.slack.com",
        r"(?i:(hooks\.slack\.com/(?:services|workflows|triggers)/))[\w/-]{12,}",
    ),
    Form(("1//0",), r"(?<![\w/])1//0[\w-]{30,}"),
    _kept("accountkey", r"(?i:(AccountKey=))[A-Za-z0-9/+]{40,}={0,2}"),
    # Keys of Mailchimp and Mailgun, and bots of Telegram and Discord.
    Form(("-us",), r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    Form(("key-",), r"\bkey-[0-9a-f]{32}\b"),
    Form((":",), r"\b\d{8,10}:(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{35}(?![\w-])"),
    Form((".",), r"\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,38}\b", entropy=4.0),
)


@cache
def forms() -> tuple[Form, ...]:
    """Return all forms: the own ones, those of prefixes, and those of gitleaks."""
    return (*OWN, *_prefixed(), *_of_gitleaks())


def forms_in(folded: str) -> Iterator[Form]:
    """Yield the forms that a text may have, by their signs.

    Args:
        folded: the text in lower case.
    """
    pattern, longer = _signs()
    found = {"", *pattern.findall(folded)}
    found |= {one for sign in tuple(found) for one in longer[sign] if one in folded}
    return (one for one in forms() if not found.isdisjoint(one.signs))


@cache
def _signs() -> tuple[re.Pattern[str], dict[str, list[str]]]:
    """Return a pattern of all signs, and those that begin with another one."""
    signs = sorted({sign for form in forms() for sign in form.signs} - {""})
    longer: dict[str, list[str]] = {"": []}
    for sign in signs:
        first = next((one for one in longer if one and sign.startswith(one)), "")
        longer.setdefault(sign, [])
        if first:
            longer[first].append(sign)
    begins = [
        sign for sign in signs if not any(sign in all_ for all_ in longer.values())
    ]
    return re.compile(f"(?=({_branches(begins)}))"), longer


def _branches(words: list[str]) -> str:
    """Return a pattern of words, which are compared letter by letter."""
    rests: dict[str, list[str]] = {}
    for word in words:
        rests.setdefault(word[0], []).append(word[1:])
    branches = [
        re.escape(first) + ("" if "" in rest else _branches(rest))
        for first, rest in rests.items()
    ]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _prefixed() -> Iterator[Form]:
    for prefix in PREFIXES:
        least = next((n for key, n in LEAST.items() if prefix.startswith(key)), 16)
        start = rf"(?<![A-Za-z0-9_/+.-]){re.escape(prefix)}"
        # A token has a digit and a letter; what has neither is a name.
        body = rf"(?=[\w=/+.-]*\d)(?=[\d_=/+.-]*[A-Za-z]){TEXT_OF_TOKEN}{{{least},}}"
        if prefix == "sk-":
            # As scikit-learn's `sk-container-id-1` begins, too.
            body = rf"(?=(?:[\w-]*\d){{2}}){body}"
        yield Form((prefix.lower(),), rf"{start}{body}(?<!\.)")


def _of_gitleaks() -> Iterator[Form]:
    for rule in tomllib.loads(GITLEAKS.read_text(encoding="utf-8"))["rules"]:
        if "regex" in rule and rule["id"] not in LEFT_OUT:
            yield Form(
                tuple(rule.get("keywords", [""])),
                _as_python(rule["regex"]),
                entropy=bits if (bits := rule.get("entropy", 0)) >= MIN_ENTROPY else 0,
            )


def _as_python(expression: str) -> str:
    """Return an expression of RE2 as one of Python's, without a wanted neighbour."""
    text = expression.replace(GITLEAKS_END, r"(?!\w)").replace(GITLEAKS_START, "")
    text = text.replace(r"\z", r"\Z").replace("[[:alnum:]]", "[A-Za-z0-9]")
    while (at := text.rfind("(?i)")) > 0:
        # Python knows a flag in the middle only with what it applies to.
        end = _end_of_group(text, at + 4)
        text = f"{text[:at]}(?i:{text[at + 4 : end]}){text[end:]}"
    return text


def _end_of_group(text: str, at: int) -> int:
    """Return where the group ends that a place of an expression is in."""
    depth, in_class = 0, False
    while at < len(text):
        one = text[at]
        if one == "\\":
            at += 1
        elif in_class:
            in_class = one != "]"
        elif one == "[":
            in_class = True
        elif one in "()":
            depth += 1 if one == "(" else -1
            if depth < 0:
                break
        at += 1
    return at
