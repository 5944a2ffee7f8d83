"""V4 signed URLs (GOOG4-RSA-SHA256): the canonical form of a request, and whether its signature allows it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from deploy.local.standins.storage.errors import StorageError

ALGORITHM = "GOOG4-RSA-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_LONGEST = timedelta(days=7)
_CLOCK_SKEW = timedelta(minutes=15)
_SIGNATURE_PARAMETER = "x-goog-signature"


@dataclass(frozen=True)
class SignedRequest:
    """A request as it arrived: raw path and query, every header value in order, names in lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Sequence[tuple[str, str]]

    @property
    def parameters(self) -> dict[str, str]:
        """Query parameters by lower-case name: real clients spell X-Goog-Signature in both cases."""
        return {name.lower(): value for name, value in parse_qsl(self.raw_query, keep_blank_values=True)}

    def header(self, name: str) -> str | None:
        """The canonical value: inner runs of blanks become one, several values are joined by commas."""
        values = [" ".join(value.split()) for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


def canonical_request(request: SignedRequest, signed_headers: Sequence[str]) -> str:
    path = quote(unquote_to_bytes(request.raw_path), safe="/~")
    lines = [f"{name}:{_signed_value(request, name)}\n" for name in signed_headers]
    payload = request.header("x-goog-content-sha256") if "x-goog-content-sha256" in signed_headers else None
    return "\n".join(
        [
            request.method,
            path,
            _canonical_query(request.raw_query),
            "".join(lines),
            ";".join(signed_headers),
            payload or UNSIGNED_PAYLOAD,
        ]
    )


def string_to_sign(date: str, scope: str, canonical: str) -> str:
    return "\n".join([ALGORITHM, date, scope, hashlib.sha256(canonical.encode("utf-8")).hexdigest()])


def signature_fits(key: rsa.RSAPublicKey, signature_hex: str, signed: str) -> bool:
    try:
        key.verify(bytes.fromhex(signature_hex), signed.encode("utf-8"), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(request: SignedRequest, keys: Mapping[str, rsa.RSAPublicKey], now: datetime) -> None:
    """Raise unless a known account signed just this method, host, path, query and headers, and the time is right."""
    query = request.parameters
    if query.get("x-goog-algorithm") != ALGORITHM:
        raise StorageError(400, f"Invalid argument: X-Goog-Algorithm must be {ALGORITHM}")
    email, scope = _split_credential(query.get("x-goog-credential", ""))
    date = query.get("x-goog-date", "")
    _check_time(date, scope, query.get("x-goog-expires", ""), now)
    signed_headers = query.get("x-goog-signedheaders", "").split(";")
    _check_signed_headers(request, signed_headers)
    canonical = canonical_request(request, signed_headers)
    signed = string_to_sign(date, scope, canonical)
    key = keys.get(email)
    if key is None or not signature_fits(key, query.get(_SIGNATURE_PARAMETER, ""), signed):
        raise StorageError(
            403,
            "Access denied. The request signature we calculated does not match the signature you provided. "
            "Check your Google secret key and signing method.",
            code="SignatureDoesNotMatch",
            details={"StringToSign": signed, "CanonicalRequest": canonical},
        )


def is_signed(raw_query: str) -> bool:
    names = {name.lower() for name, _ in parse_qsl(raw_query, keep_blank_values=True)}
    return bool(names & {_SIGNATURE_PARAMETER, "x-goog-algorithm", "x-goog-credential"})


def _signed_value(request: SignedRequest, name: str) -> str:
    value = request.header(name)
    if value is None:
        raise StorageError(
            400,
            "Your request has a malformed header. Header was included in signedheaders, but not in the request.",
            code="MalformedSecurityHeader",
            details={"ParameterName": name},
        )
    return value


def _canonical_query(raw_query: str) -> str:
    pairs = [
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, value in parse_qsl(raw_query, keep_blank_values=True)
        if name.lower() != _SIGNATURE_PARAMETER
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _split_credential(credential: str) -> tuple[str, str]:
    email, _, scope = credential.partition("/")
    parts = scope.split("/")
    if not email or len(parts) != 4 or parts[2:] != ["storage", "goog4_request"]:
        raise StorageError(400, "Invalid argument: malformed X-Goog-Credential")
    return email, scope


def _check_time(date: str, scope: str, expires: str, now: datetime) -> None:
    try:
        start = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise StorageError(400, "Invalid argument: malformed X-Goog-Date") from None
    if scope.split("/")[0] != date[:8]:
        raise StorageError(400, "Invalid argument: X-Goog-Date does not match the date of X-Goog-Credential")
    seconds = int(expires) if expires.isascii() and expires.isdigit() and len(expires) < 10 else 0
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise StorageError(400, "Invalid argument: X-Goog-Expires must be between 1 and 604800 seconds")
    if now < start - _CLOCK_SKEW:
        raise StorageError(403, "Request is not valid yet.", code="RequestTimeTooSkewed")
    if now >= start + timedelta(seconds=seconds):
        ended = (start + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        raise StorageError(
            400,
            "Invalid argument.",
            code="ExpiredToken",
            details={"Details": f"The provided token has expired. Request signature expired at: {ended}"},
        )


def _check_signed_headers(request: SignedRequest, signed_headers: Sequence[str]) -> None:
    if "host" not in signed_headers:
        raise StorageError(400, "Invalid argument: the host header must be signed")
    present = {name.lower() for name, _ in request.headers if name.lower().startswith("x-goog-")}
    unsigned = sorted(present - set(signed_headers))
    if unsigned:
        # Otherwise the holder of a URL could add metadata or conditions its signer never allowed.
        raise StorageError(
            400,
            "Your request has a malformed header. Header was included in the request, but not in signedheaders.",
            code="MalformedSecurityHeader",
            details={"ParameterName": unsigned[0]},
        )
