"""Who may call: the programs of this machine, and not a page in its browser.

Credentials are not checked: none are secret here. That a call is signed at all is, as
AWS refuses others; and so is whether it may come from a web page. Browsers say so:
they send `Origin` or `Sec-Fetch-Site`, and a page whose name was made to lead to this
machine still sends that name as `Host`.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from werkzeug.wrappers import Request, Response

from embedded_aws.account import PUBLIC_BUCKET, TOKEN_HEADER
from embedded_aws.errors import ErrorAnswer, service_of
from embedded_aws.regions import regions

LOOPBACK = re.compile(
    r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE
)
SCOPE = r"[^/,\s]+/\d{8}/[a-z0-9-]+/[a-z0-9_-]+/aws4_request"
V4_HEADER = re.compile(
    rf"AWS4-HMAC-SHA256 +Credential={SCOPE}, *SignedHeaders=[a-z0-9;_-]+, *"
    r"Signature=[0-9a-f]+"
)
V2_HEADER = re.compile(r"AWS [^:\s]+:[A-Za-z0-9+/=]+")
MAX_EXPIRES_SECONDS = 604_800
# Anybody may call these: a token in the request says who does.
UNSIGNED_ACTIONS = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")
GLOBAL_SERVICES = ("s3", "iam", "sts")


def refuse_foreign(request: Request) -> Response | None:
    """Return the answer to a call that comes from a web page, or from elsewhere."""
    host = request.environ.get("HTTP_HOST", "")
    if not LOOPBACK.fullmatch(host):
        return _closed(f"Host {host!r} is not this machine; call 127.0.0.1")
    if origin := request.headers.get("Origin"):
        return _closed(f"web pages may not call the embedded AWS (Origin {origin!r})")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site != "none":
        return _closed(f"web pages may not call the embedded AWS ({site})")
    return None


def _closed(reason: str) -> Response:
    return Response(f"{reason}\n", 403, mimetype="text/plain")


def may_control(request: Request, token: str) -> bool:
    """Return whether a call of a control path carries the server's token.

    It stands in the header X-Embedded-Token, or as `token=` in the URL.
    """
    given = request.headers.get(TOKEN_HEADER) or request.args.get("token", "")
    return hmac.compare_digest(given.encode(), token.encode())


def refuse_unsigned(request: Request, body: bytes) -> ErrorAnswer | None:
    """Return AWS's error for a call that is not signed, wrongly, or too long ago.

    Args:
        body: of a call that is not for S3.
    """
    given = request.headers.get("Authorization")
    if given is not None:
        return _check_header(request, given)
    if "X-Amz-Algorithm" in request.args or "X-Amz-Signature" in request.args:
        return _check_v4_query(request.args)
    if "AWSAccessKeyId" in request.args and "Signature" in request.args:
        return _check_v2_query(request.args.get("Expires", ""))
    return _check_anonymous(request, body)


def _check_header(request: Request, given: str) -> ErrorAnswer | None:
    service = service_of(request)
    if V4_HEADER.fullmatch(given):
        region = given.split("/")[2]
        if service in GLOBAL_SERVICES or region in regions():
            return None
        text = f"Credential should be scoped to a valid region, not {region!r}."
        return ErrorAnswer(code="InvalidSignatureException", message=text, status=403)
    if service == "s3" and "X-Amz-Target" not in request.headers:
        if V2_HEADER.fullmatch(given):
            return None
        text = "The authorization header is malformed."
        return ErrorAnswer(code="AuthorizationHeaderMalformed", message=text)
    text = (
        "Authorization header requires 'Credential' parameter, 'SignedHeaders' "
        "parameter and 'Signature' parameter."
    )
    return ErrorAnswer(code="IncompleteSignatureException", message=text, status=403)


def _check_v4_query(values: Mapping[str, str]) -> ErrorAnswer | None:
    """Check a presigned URL of Signature Version 4."""
    seconds, date = values.get("X-Amz-Expires", ""), values.get("X-Amz-Date", "")
    is_signed = (
        re.fullmatch(SCOPE, values.get("X-Amz-Credential", ""))
        and values.get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256"
        and values.get("X-Amz-Signature")
    )
    try:
        signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lifetime = int(seconds)
    except ValueError:
        is_signed = None
    if not is_signed:
        return _bad_query(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, "
            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
            "X-Amz-Expires parameters."
        )
    if not 0 <= lifetime < MAX_EXPIRES_SECONDS + 1:
        return _bad_query(
            "X-Amz-Expires must be non-negative and less than a week (in seconds); "
            f"that is, less than {MAX_EXPIRES_SECONDS} seconds"
        )
    return _check_expiry(signed + timedelta(seconds=lifetime))


def _check_v2_query(expires: str) -> ErrorAnswer | None:
    """Check a presigned URL of Signature Version 2."""
    if not re.fullmatch(r"\d{1,11}", expires):
        text = f"Invalid date (should be seconds since epoch): {expires[:100]}"
        return ErrorAnswer(code="AccessDenied", message=text, status=403)
    return _check_expiry(datetime.fromtimestamp(int(expires), UTC))


def _check_expiry(moment: datetime) -> ErrorAnswer | None:
    if datetime.now(UTC) <= moment:
        return None
    text = f"Request has expired (at {moment.isoformat()})"
    return ErrorAnswer(code="AccessDenied", message=text, status=403)


def _bad_query(text: str) -> ErrorAnswer:
    return ErrorAnswer(code="AuthorizationQueryParametersError", message=text)


def _check_anonymous(request: Request, body: bytes) -> ErrorAnswer | None:
    """Check a call without a signature: some may be made by anybody, as on AWS."""
    bucket = request.path.split("/")[1]
    if request.method in ("GET", "HEAD") and bucket == PUBLIC_BUCKET:
        return None
    form = request.content_type or ""
    if form.startswith("multipart/form-data") and request.method == "POST" and bucket:
        # An upload from a form: its policy is in the body, which S3 reads.
        return None
    if any(f"Action={action}".encode() in body for action in UNSIGNED_ACTIONS):
        return None
    if "X-Amz-Target" in request.headers or service_of(request) != "s3":
        text = "Missing Authentication Token"
        code = "MissingAuthenticationTokenException"
        return ErrorAnswer(code=code, message=text, status=403)
    return ErrorAnswer(code="AccessDenied", message="Access Denied", status=403)
