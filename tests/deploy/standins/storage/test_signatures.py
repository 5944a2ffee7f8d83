"""The verification itself, judged by Google's published vectors and by the signer of the installed client."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.standins.storage.errors import StorageError
from deploy.local.standins.storage.signatures import (
    SignedRequest,
    canonical_request,
    signature_fits,
    string_to_sign,
    verify,
)
from tests.deploy.standins.storage import signer
from tests.deploy.standins.storage.signer import EMAIL
from tests.deploy.standins.storage.vectors import Signed, signed_by_others

START = datetime(2026, 2, 28, 23, 59, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def others() -> Signed:
    return signed_by_others()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return signer.new_key()


def _text_and_signature(request: SignedRequest) -> tuple[str, str]:
    query = request.parameters
    scope = query["x-goog-credential"].partition("/")[2]
    canonical = canonical_request(request, query["x-goog-signedheaders"].split(";"))
    return string_to_sign(query["x-goog-date"], scope, canonical), query["x-goog-signature"]


def test_the_canonical_request_is_the_one_the_signer_found(others: Signed) -> None:
    known = [vector for vector in others.vectors if vector.canonical_sha256 is not None]
    assert len(known) >= 20
    for vector in known:
        text, _ = _text_and_signature(vector.request(vector.well_dated_url))
        assert text.rpartition("\n")[2] == vector.canonical_sha256, vector.description


def test_published_signatures_fit_and_no_others_do(others: Signed) -> None:
    # Two published URLs are signed over an unescaped path, against the canonical request printed beside them.
    signed = [vector for vector in others.vectors if "&sand" not in vector.url]
    assert len(signed) >= 20
    for vector in signed:
        text, signature = _text_and_signature(vector.request())
        assert signature_fits(others.public_key, signature, text), vector.description
        assert not signature_fits(others.public_key, signature, text + " "), vector.description
        flipped = f"{int(signature[0], 16) ^ 1:x}{signature[1:]}"
        assert not signature_fits(others.public_key, flipped, text), vector.description


def test_well_dated_published_urls_are_valid_for_their_seconds_only(others: Signed) -> None:
    dated = [vector for vector in others.vectors if "X-Goog-Date=20190201T090000Z" in vector.url]
    assert dated
    keys = {others.email: others.public_key}
    start = datetime(2019, 2, 1, 9, tzinfo=UTC)
    for vector in dated:
        verify(vector.request(), keys, start + timedelta(seconds=9))
        assert _refusal(vector.request(), keys, start + timedelta(seconds=10)) == (400, "ExpiredToken")


def _signed(key: rsa.RSAPrivateKey, path: str, headers: dict[str, str], **options: Any) -> SignedRequest:
    base_url = "http://127.0.0.1:9023"
    url = signer.sign(signer.credentials(key), base_url, path, START, 60, headers=dict(headers), **options)
    parts = urlsplit(url)
    method = options.get("method", "GET").replace("RESUMABLE", "POST")
    return SignedRequest(method, parts.path, parts.query, [("host", parts.netloc), *headers.items()])


def _refusal(request: SignedRequest, keys: dict[str, rsa.RSAPublicKey], now: datetime) -> tuple[int, str]:
    with pytest.raises(StorageError) as refusal:
        verify(request, keys, now)
    return refusal.value.status, refusal.value.code


CASES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("/bucket/plain", {}, {}),
    ("/bucket/" + quote("Ánna & Jön %2F +~*'().pdf", safe="/~"), {}, {}),
    ("/bucket//double//slash/", {}, {"response_disposition": 'attachment; filename="a;b.pdf"'}),
    ("/bucket/put", {"Content-Type": "video/mp4", "x-goog-meta-a": "  two   blanks "}, {"method": "PUT"}),
    ("/bucket/resumable", {"x-goog-resumable": "start"}, {"method": "RESUMABLE"}),
    ("/bucket/query", {}, {"query_parameters": {"zz": "~ %=/é", "A": "", "a b": "+"}}),
]


@pytest.mark.parametrize(("path", "headers", "options"), CASES)
def test_what_the_installed_client_signs_is_accepted_in_its_time_only(
    key: rsa.RSAPrivateKey, path: str, headers: dict[str, str], options: dict[str, Any]
) -> None:
    request = _signed(key, path, headers, **options)
    keys = {EMAIL: key.public_key()}
    verify(request, keys, START)
    verify(request, keys, START + timedelta(seconds=59))
    assert _refusal(request, keys, START + timedelta(seconds=60)) == (400, "ExpiredToken")
    assert _refusal(request, keys, START - timedelta(minutes=16)) == (403, "RequestTimeTooSkewed")
    assert _refusal(request, {}, START) == (403, "SignatureDoesNotMatch")


def test_a_request_changed_anywhere_no_longer_fits(key: rsa.RSAPrivateKey) -> None:
    headers = {"content-type": "video/mp4"}
    request = _signed(key, "/bucket/name", headers, method="PUT", query_parameters={"a": "1"})
    keys = {EMAIL: key.public_key()}
    host = request.headers[0]
    changed = [
        SignedRequest("GET", request.raw_path, request.raw_query, request.headers),
        SignedRequest("PUT", "/bucket/other", request.raw_query, request.headers),
        SignedRequest("PUT", "/bucket/name/", request.raw_query, request.headers),
        SignedRequest("PUT", request.raw_path, request.raw_query + "&b=2", request.headers),
        SignedRequest("PUT", request.raw_path, request.raw_query.replace("a=1", "a=2"), request.headers),
        SignedRequest("PUT", request.raw_path, request.raw_query, [host, ("content-type", "text/html")]),
        SignedRequest("PUT", request.raw_path, request.raw_query, [host, *headers.items(), *headers.items()]),
        SignedRequest("PUT", request.raw_path, request.raw_query, [("host", "127.0.0.1"), *headers.items()]),
    ]
    verify(request, keys, START)
    for other in changed:
        assert _refusal(other, keys, START) == (403, "SignatureDoesNotMatch"), other


def test_an_equally_spelled_path_is_the_same_path(key: rsa.RSAPrivateKey) -> None:
    request = _signed(key, "/bucket/a%20b", {})
    again = SignedRequest("GET", "/bucket/%61%20b", request.raw_query, request.headers)
    verify(again, {EMAIL: key.public_key()}, START)


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_lifetime_outside_the_limits_is_refused(key: rsa.RSAPrivateKey, seconds: int) -> None:
    url = signer.sign(signer.credentials(key), "http://127.0.0.1:9023", "/bucket/name", START, seconds)
    parts = urlsplit(url)
    request = SignedRequest("GET", parts.path, parts.query, [("host", parts.netloc)])
    assert _refusal(request, {EMAIL: key.public_key()}, START) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("part", "changed"), [("20260228%2Fauto", "20260227%2Fauto"), ("Expires=60", "Expires=604801")]
)
def test_a_wrong_day_and_too_long_a_lifetime_are_refused(key: rsa.RSAPrivateKey, part: str, changed: str) -> None:
    request = _signed(key, "/bucket/name", {})
    assert part in request.raw_query
    other = SignedRequest("GET", request.raw_path, request.raw_query.replace(part, changed), request.headers)
    assert _refusal(other, {EMAIL: key.public_key()}, START) == (400, "InvalidArgument")
