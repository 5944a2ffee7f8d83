"""V4 signed URLs over real sockets, signed by the real client library: what they open, and what they do not."""

import http.client
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest

from tests.deploy.standins.storage import signer
from tests.deploy.standins.storage.server import BUCKET, WEB, Server

CONTENT = b"%PDF-1.7 paid content"
NAME = "paid/Ánna & Co %2F.pdf"


@pytest.fixture
def blob(bucket: Any) -> Any:
    made = bucket.blob(NAME)
    made.upload_from_string(CONTENT, content_type="application/pdf")
    bucket.blob("other").upload_from_string(b"another customer's")
    return made


def _sign(blob: Any, **options: Any) -> str:
    return str(blob.generate_signed_url(version="v4", **{"expiration": timedelta(minutes=5), **options}))


def _code(answer: httpx.Response) -> tuple[int, str | None]:
    assert answer.headers["Content-Type"] == "application/xml"
    return answer.status_code, ElementTree.fromstring(answer.content).findtext("Code")  # noqa: S314 - our own answer


def test_a_signed_get_serves_the_object_whole_and_in_part(blob: Any) -> None:
    url = _sign(blob)
    answer = WEB.get(url)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, CONTENT, "application/pdf")
    part = WEB.get(url, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PDF")
    assert part.headers["Content-Range"] == f"bytes 1-3/{len(CONTENT)}"
    assert WEB.get(url, headers={"Range": "bytes=999-"}).status_code == 416
    assert WEB.get(url, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_signed_get_can_name_the_file_and_its_type(blob: Any) -> None:
    disposition = "attachment; filename=\"a b.pdf\"; filename*=UTF-8''%C3%81nna.pdf"
    answer = WEB.get(_sign(blob, response_disposition=disposition, response_type="text/plain"))
    assert answer.headers["Content-Disposition"] == disposition
    assert answer.headers["Content-Type"] == "text/plain"
    assert WEB.get(_sign(blob, response_disposition="a\r\nSet-Cookie: x=1")).status_code == 400


def test_a_signed_head_tells_without_the_bytes(blob: Any) -> None:
    answer = WEB.head(_sign(blob, method="HEAD"))
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


def test_a_signed_put_stores_what_its_signer_allowed(bucket: Any) -> None:
    blob = bucket.blob("uploads/video.mp4")
    headers = {"x-goog-meta-course": "c1", "x-goog-if-generation-match": "0"}
    url = _sign(blob, method="PUT", content_type="video/mp4", headers=dict(headers))
    sent = {**headers, "Content-Type": "video/mp4"}
    assert _code(WEB.put(url, content=b"x", headers={**sent, "Content-Type": "text/html"}))[0] == 403
    assert _code(WEB.put(url, content=b"x", headers=headers)) == (400, "MalformedSecurityHeader")
    answer = WEB.put(url, content=b"frames", headers=sent)
    assert answer.status_code == 200
    seen = bucket.get_blob("uploads/video.mp4")
    assert (seen.content_type, seen.metadata, seen.size) == ("video/mp4", {"course": "c1"}, 6)
    assert str(seen.generation) == answer.headers["X-Goog-Generation"]
    assert _code(WEB.put(url, content=b"again", headers=sent)) == (412, "PreconditionFailed")


def test_a_header_the_signer_did_not_allow_is_refused(bucket: Any) -> None:
    url = _sign(bucket.blob("uploads/extra"), method="PUT")
    answer = WEB.put(url, content=b"x", headers={"x-goog-meta-role": "admin"})
    assert _code(answer) == (400, "MalformedSecurityHeader")
    assert not bucket.blob("uploads/extra").exists()


def test_a_body_must_have_the_hash_its_headers_promise(bucket: Any) -> None:
    url = _sign(bucket.blob("uploads/sum"), method="PUT")
    assert WEB.put(url, content=b"x", headers={"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}).status_code == 400
    digest = "0" * 64
    url = _sign(bucket.blob("uploads/sum"), method="PUT", headers={"x-goog-content-sha256": digest})
    assert WEB.put(url, content=b"x", headers={"x-goog-content-sha256": digest}).status_code == 400
    assert not bucket.blob("uploads/sum").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (quote(NAME, safe="/"), "other"),
        (quote(NAME, safe="/"), quote(NAME, safe="/") + "x"),
        (BUCKET, "campus-tests-2"),
        ("X-Goog-Expires=300", "X-Goog-Expires=604800"),
        ("X-Goog-Signature=", "X-Goog-Signature=00"),
        ("X-Goog-Signature=", "X-Goog-Signature=zz"),
        ("X-Goog-Credential=", "X-Goog-Credential=x"),
        ("X-Goog-Algorithm=", "response-content-type=text%2Fhtml&X-Goog-Algorithm="),
        ("attachment", "inline"),
        ("127.0.0.1", "localhost"),
    ],
)
def test_a_changed_url_is_refused(blob: Any, before: str, after: str) -> None:
    url = _sign(blob, response_disposition="attachment")
    assert WEB.get(url).status_code == 200
    assert before in url
    assert _code(WEB.get(url.replace(before, after, 1))) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "part", ["X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires", "X-Goog-SignedHeaders"]
)
def test_a_url_that_lacks_a_part_is_refused(blob: Any, part: str) -> None:
    path, _, query = _sign(blob).partition("?")
    left = "&".join(pair for pair in query.split("&") if not pair.startswith(part))
    assert WEB.get(f"{path}?{left}").status_code == 400


def test_a_url_opens_one_method_only(blob: Any) -> None:
    url = _sign(blob)
    assert _code(WEB.put(url, content=b"overwritten")) == (403, "SignatureDoesNotMatch")
    assert _code(WEB.delete(url)) == (403, "SignatureDoesNotMatch")
    assert WEB.head(url).status_code == 403
    assert _code(WEB.get(_sign(blob, method="PUT"))) == (403, "SignatureDoesNotMatch")
    assert blob.download_as_bytes() == CONTENT


def test_the_host_it_was_signed_for_must_be_the_host_it_is_sent_to(blob: Any) -> None:
    answer = WEB.get(_sign(blob), headers={"Host": "cdn.example.com"})
    assert _code(answer) == (403, "SignatureDoesNotMatch")


def test_an_expired_url_is_refused_and_one_from_the_future_too(server: Server, blob: Any) -> None:
    def url_of(start: datetime, seconds: int) -> str:
        path = f"/{BUCKET}/{quote(NAME, safe='/~')}"
        return signer.sign(server.credentials(), server.url, path, start, seconds)

    now = datetime.now(UTC)
    assert WEB.get(url_of(now - timedelta(seconds=60), 90)).content == CONTENT
    assert _code(WEB.get(url_of(now - timedelta(seconds=60), 50))) == (400, "ExpiredToken")
    assert _code(WEB.get(url_of(now + timedelta(hours=1), 90))) == (403, "RequestTimeTooSkewed")


def test_another_account_cannot_sign(server: Server, blob: Any) -> None:
    key = signer.new_key()
    for email in (server.credentials().service_account_email, signer.EMAIL):
        forged = signer.credentials(key, email)
        assert _code(WEB.get(_sign(blob, credentials=forged))) == (403, "SignatureDoesNotMatch")


def test_without_a_signature_nothing_is_public(server: Server, blob: Any) -> None:
    url = _sign(blob).partition("?")[0]
    assert _code(WEB.get(url)) == (403, "AccessDenied")
    assert _code(WEB.get(f"{server.url}/{BUCKET}/nowhere")) == (403, "AccessDenied")
    assert _code(WEB.put(url, content=b"x")) == (403, "AccessDenied")
    with server.http() as http:
        assert http.get(url).content == CONTENT


def test_what_is_not_there_is_not_found_and_other_methods_are_refused(server: Server, bucket: Any) -> None:
    assert _code(WEB.get(_sign(bucket.blob("nowhere")))) == (404, "NoSuchKey")
    elsewhere = server.client().bucket("no-such-bucket").blob("x")
    assert _code(WEB.get(_sign(elsewhere))) == (404, "NoSuchBucket")
    assert _code(WEB.post(f"{server.url}/{BUCKET}/x")) == (405, "MethodNotAllowed")


def test_a_replaced_object_is_read_to_its_end(bucket: Any) -> None:
    old = bytes(8_000_000)
    bucket.blob("replaced").upload_from_string(old)
    with WEB.stream("GET", _sign(bucket.blob("replaced"))) as answer:
        chunks = answer.iter_bytes()
        received = len(next(chunks))
        bucket.blob("replaced").upload_from_string(b"new")
        received += sum(map(len, chunks))
    assert received == len(old)
    assert WEB.get(_sign(bucket.blob("replaced"))).content == b"new"


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2findex.sqlite3",
        "%252e%252e%252fx",
        "%2fetc%2fpasswd",
        "x%00",
        "%ff",
        "\\..\\x",
    ],
)
def test_paths_that_try_to_leave_the_bucket_find_nothing(server: Server, path: str) -> None:
    for authorized in (False, True):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        with server.http() as client:
            headers = {"Authorization": client.headers["Authorization"]} if authorized else {}
        connection.request("GET", f"/{BUCKET}/{path}", headers=headers)
        answer = connection.getresponse()
        assert answer.status in ((400, 404) if authorized else (400, 403))
        ElementTree.fromstring(answer.read())  # noqa: S314 - our own answer
        connection.close()
