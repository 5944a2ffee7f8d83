"""Resumable uploads, request by request, where the client library would hide what went wrong."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.deploy.standins.storage.server import BUCKET, WEB, Server

GRANULE = 256 * 1024
DATA = bytes(range(256)) * 3000


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.http() as client:
        yield client


def _begin(http: httpx.Client, name: str, **metadata: str) -> str:
    url = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable"
    answer = http.post(url, json={"name": name, **metadata}, headers={"X-Upload-Content-Type": "video/mp4"})
    assert answer.status_code == 200
    return answer.headers["Location"]


def _send(url: str, first: int, last: int, total: int | str, data: bytes | None = None) -> httpx.Response:
    body = DATA[first : last + 1] if data is None else data
    return WEB.put(url, content=body, headers={"Content-Range": f"bytes {first}-{last}/{total}"})


def _ask(url: str, total: int | str = "*") -> httpx.Response:
    return WEB.put(url, headers={"Content-Range": f"bytes */{total}"})


def test_a_session_says_how_far_it_got_and_takes_the_rest(http: httpx.Client, bucket: Any) -> None:
    url = _begin(http, "resumed")
    assert _ask(url).status_code == 308
    assert "Range" not in _ask(url).headers
    assert _send(url, 0, GRANULE - 1, "*").headers["Range"] == f"bytes=0-{GRANULE - 1}"
    asked = _ask(url, len(DATA))
    assert (asked.status_code, asked.headers["Range"]) == (308, f"bytes=0-{GRANULE - 1}")
    done = _send(url, GRANULE, len(DATA) - 1, len(DATA))
    assert done.status_code == 200
    assert done.json()["size"] == str(len(DATA))
    again = _ask(url)
    assert (again.status_code, again.json()["generation"]) == (200, done.json()["generation"])
    assert bucket.blob("resumed").download_as_bytes() == DATA


def test_a_repeated_chunk_is_taken_once(http: httpx.Client, bucket: Any) -> None:
    url = _begin(http, "repeated")
    _send(url, 0, 2 * GRANULE - 1, "*")
    assert _send(url, 0, 2 * GRANULE - 1, "*").headers["Range"] == f"bytes=0-{2 * GRANULE - 1}"
    assert _send(url, GRANULE, len(DATA) - 1, len(DATA)).status_code == 200
    assert bucket.blob("repeated").download_as_bytes() == DATA


def test_a_gap_a_ragged_chunk_and_a_lying_length_are_refused(http: httpx.Client, bucket: Any) -> None:
    url = _begin(http, "refused")
    assert _send(url, GRANULE, 2 * GRANULE - 1, "*").status_code == 503
    assert _send(url, 0, 99, "*").status_code == 400
    assert _send(url, 0, GRANULE - 1, "*", b"too short").status_code == 400
    assert WEB.put(url, content=b"x", headers={"Content-Range": "bytes nonsense"}).status_code == 400
    assert "Range" not in _ask(url).headers
    assert not bucket.blob("refused").exists()


def test_a_promised_hash_is_checked_at_the_end(http: httpx.Client, bucket: Any) -> None:
    url = _begin(http, "promised", md5Hash="AAAAAAAAAAAAAAAAAAAAAA==")
    assert _send(url, 0, 4, 5, b"12345").status_code == 400
    assert not bucket.blob("promised").exists()


def test_a_condition_holds_from_start_to_end_of_a_session(http: httpx.Client, bucket: Any) -> None:
    start = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&ifGenerationMatch=0"
    url = http.post(start, json={"name": "raced"}).headers["Location"]
    bucket.blob("raced").upload_from_string(b"was quicker")
    assert _send(url, 0, 4, 5, b"12345").status_code == 412
    assert http.post(start, json={"name": "raced"}).status_code == 412
    assert bucket.blob("raced").download_as_bytes() == b"was quicker"


def test_a_cancelled_or_unknown_session_is_gone(http: httpx.Client) -> None:
    url = _begin(http, "cancelled")
    assert WEB.delete(url).status_code == 499
    assert _ask(url).status_code == 404
    assert _ask(f"{url}x").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        b'--cut\r\ncontent-type: application/json\r\n\r\n{"name": "bad"}\r\n--cut--\r\n',
        b'--cut\r\ncontent-type: application/json\r\n\r\n{"name": "bad"}\r\n--cut\r\n\r\nbytes that never en',
        b"--cut\r\ncontent-type: application/json\r\n\r\n[not json\r\n--cut\r\n\r\nbytes\r\n--cut--\r\n",
    ],
)
def test_a_malformed_multipart_upload_is_refused(http: httpx.Client, bucket: Any, body: bytes) -> None:
    headers = {"Content-Type": "multipart/related; boundary=cut"}
    answer = http.post(f"/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart", content=body, headers=headers)
    assert answer.status_code == 400
    assert not bucket.blob("bad").exists()


def test_media_that_contains_line_ends_and_dashes_survives_multipart(bucket: Any) -> None:
    data = b"\r\n--\r\n--cut\r\n\r\n--==0==\r\n-" * 5000
    bucket.blob("dashes").upload_from_string(data)
    assert bucket.blob("dashes").download_as_bytes() == data
