"""The JSON interface, as the real client library uses it."""

import base64
import hashlib
import io
import os
import threading
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions

from tests.deploy.standins.storage.server import BUCKET, Server


def test_what_is_uploaded_comes_back_with_everything_said_about_it(bucket: Any) -> None:
    blob = bucket.blob("certificates/Ánna & Jön %2F #1?.pdf")
    blob.cache_control = "private, max-age=60"
    blob.content_disposition = "attachment; filename*=UTF-8''%C3%81nna.pdf"
    blob.metadata = {"serial": "C-1", "name": "Ánna"}
    blob.upload_from_string(b"%PDF-1.7", content_type="application/pdf")

    seen = bucket.get_blob(blob.name)
    assert (seen.content_type, seen.size, seen.cache_control) == ("application/pdf", 8, "private, max-age=60")
    assert seen.content_disposition == "attachment; filename*=UTF-8''%C3%81nna.pdf"
    assert seen.metadata == {"serial": "C-1", "name": "Ánna"}
    assert seen.download_as_bytes() == b"%PDF-1.7"


def test_hashes_are_those_of_the_bytes(bucket: Any) -> None:
    data = os.urandom(300_000)
    blob = bucket.blob("hashes")
    blob.upload_from_string(data)
    assert blob.md5_hash == base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    assert blob.crc32c == base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def test_an_upload_whose_bytes_do_not_match_its_hash_is_refused(server: Server, bucket: Any) -> None:
    with server.http() as http:
        parameters = {"uploadType": "media", "name": "damaged"}
        headers = {"X-Goog-Hash": "crc32c=AAAAAA=="}
        answer = http.post(f"/upload/storage/v1/b/{BUCKET}/o", params=parameters, content=b"bytes", headers=headers)
    assert answer.status_code == 400
    assert not bucket.blob("damaged").exists()


def test_a_create_only_upload_never_overwrites(bucket: Any) -> None:
    blob = bucket.blob("once")
    blob.upload_from_string(b"first", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("once").upload_from_string(b"second", if_generation_match=0)
    assert bucket.blob("once").download_as_bytes() == b"first"


def test_generations_grow_and_guard_writes_reads_and_deletes(bucket: Any) -> None:
    blob = bucket.blob("guarded")
    blob.upload_from_string(b"one")
    first = blob.generation
    blob.upload_from_string(b"two", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("guarded").upload_from_string(b"three", if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("guarded").delete(if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("guarded").download_as_bytes(if_generation_match=first)
    with pytest.raises(exceptions.NotFound):
        bucket.blob("guarded", generation=first).download_as_bytes()
    bucket.blob("guarded").delete(if_generation_match=blob.generation)
    assert not bucket.blob("guarded").exists()


def test_metadata_is_merged_and_null_removes(bucket: Any) -> None:
    blob = bucket.blob("patched")
    blob.metadata = {"kept": "1", "dropped": "2"}
    blob.cache_control = "no-store"
    blob.upload_from_string(b"x")
    blob.metadata = {"kept": "1", "dropped": None, "added": "3"}
    blob.cache_control = None
    blob.patch()
    seen = bucket.get_blob("patched")
    assert seen.metadata == {"kept": "1", "added": "3"}
    assert seen.cache_control is None
    assert seen.metageneration == 2
    with pytest.raises(exceptions.PreconditionFailed):
        seen.patch(if_metageneration_match=1)


def test_parts_of_an_object_can_be_read(server: Server, bucket: Any) -> None:
    blob = bucket.blob("ranges")
    blob.upload_from_string(b"0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)
    with server.http() as http:
        tail = http.get(f"/download/storage/v1/b/{BUCKET}/o/ranges", headers={"Range": "bytes=-3"})
    assert (tail.status_code, tail.content, tail.headers["Content-Range"]) == (206, b"789", "bytes 7-9/10")


def test_large_and_empty_objects_arrive_in_chunks_and_whole(bucket: Any) -> None:
    for size in (0, 256 * 1024, 1_000_003):
        data = os.urandom(size)
        blob = bucket.blob(f"chunked-{size}", chunk_size=256 * 1024)
        blob.upload_from_file(io.BytesIO(data), content_type="video/mp4")
        seen = bucket.get_blob(blob.name)
        assert seen.content_type == "video/mp4"
        assert seen.download_as_bytes() == data


def test_listing_by_prefix_delimiter_and_page(bucket: Any) -> None:
    names = ["l/a/1", "l/a/2", "l/b", "l/c/", "l/c/1", "l/d", "l/é", "m"]
    for name in names:
        bucket.blob(name).upload_from_string(b"")
    assert [blob.name for blob in bucket.list_blobs(prefix="l/", page_size=3)] == sorted(names[:-1])
    for page_size in (1, 2, 100):
        listing = bucket.list_blobs(prefix="l/", delimiter="/", page_size=page_size)
        assert [blob.name for blob in listing] == ["l/b", "l/d", "l/é"]
        assert listing.prefixes == {"l/a/", "l/c/"}
    inside = bucket.list_blobs(prefix="l/c/", delimiter="/", page_size=1)
    assert [blob.name for blob in inside] == ["l/c/", "l/c/1"]


def test_buckets_are_made_once_and_removed_only_when_empty(server: Server) -> None:
    client = server.client()
    made = client.create_bucket("campus-other")
    assert client.get_bucket("campus-other").name == "campus-other"
    assert {"campus-other", BUCKET} <= {found.name for found in client.list_buckets()}
    with pytest.raises(exceptions.Conflict):
        client.create_bucket("campus-other")
    with pytest.raises(exceptions.BadRequest):
        client.create_bucket("Not_A_Bucket")
    made.blob("x").upload_from_string(b"x")
    with pytest.raises(exceptions.Conflict):
        made.delete()
    made.blob("x").delete()
    made.delete()
    assert not made.exists()


def test_what_is_not_there_is_not_found(server: Server, bucket: Any) -> None:
    with pytest.raises(exceptions.NotFound, match="No such object: campus-tests/nowhere"):
        bucket.blob("nowhere").download_as_bytes()
    with pytest.raises(exceptions.NotFound):
        bucket.blob("nowhere").delete()
    with pytest.raises(exceptions.NotFound, match="bucket does not exist"):
        server.client().bucket("no-such-bucket").blob("x").upload_from_string(b"x")


@pytest.mark.parametrize("name", ["..", "a\rb", "é" * 513])
def test_names_the_service_forbids_are_refused(bucket: Any, name: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        bucket.blob(name).upload_from_string(b"x")


def test_names_that_look_like_paths_stay_names(server: Server, bucket: Any) -> None:
    for name in ("../../escape", "a/../b", "/rooted", "a//b", "trailing/"):
        bucket.blob(name).upload_from_string(name.encode())
        assert bucket.blob(name).download_as_bytes() == name.encode()
    assert not list(server.state_dir.parent.glob("**/escape"))


def test_settings_that_would_have_no_effect_are_refused(server: Server, bucket: Any) -> None:
    with pytest.raises(exceptions.BadRequest, match="legacy ACL"):
        bucket.blob("public").upload_from_string(b"x", predefined_acl="publicRead")
    with server.http() as http:
        answer = http.patch(f"/storage/v1/b/{BUCKET}", json={"website": {"mainPageSuffix": "index.html"}})
    assert answer.status_code == 501


def test_what_the_stand_in_lacks_is_said_plainly(server: Server, bucket: Any) -> None:
    bucket.blob("whole").upload_from_string(b"x")
    with pytest.raises(exceptions.MethodNotImplemented, match="does not serve POST"):
        bucket.blob("composed").compose([bucket.blob("whole")])
    with server.http() as http:
        for path in ("/batch/storage/v1", "/storage/v1/b/x/notificationConfigs", "/upload/nothing"):
            answer = http.post(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (501, 501)


def test_of_many_simultaneous_creators_one_wins(server: Server, bucket: Any) -> None:
    answers: list[int] = []

    def create(number: int) -> None:
        parameters = {"uploadType": "media", "name": "contested", "ifGenerationMatch": "0"}
        with server.http() as http:
            answers.append(http.post(f"/upload/storage/v1/b/{BUCKET}/o", params=parameters, content=b"x").status_code)

    creators = [threading.Thread(target=create, args=[number]) for number in range(12)]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join()
    assert sorted(answers) == [200] + [412] * 11


def test_a_version_the_caller_holds_is_not_sent_again(bucket: Any) -> None:
    blob = bucket.blob("held")
    blob.upload_from_string(b"x")
    with pytest.raises(exceptions.NotModified):
        bucket.blob("held").reload(if_generation_not_match=blob.generation)
    bucket.blob("held").reload(if_generation_not_match=blob.generation - 1)


def test_a_patch_of_one_metadata_key_keeps_the_others(server: Server, bucket: Any) -> None:
    blob = bucket.blob("merged")
    blob.metadata = {"kept": "1", "dropped": "2"}
    blob.upload_from_string(b"x")
    with server.http() as http:
        answer = http.patch(f"/storage/v1/b/{BUCKET}/o/merged", json={"metadata": {"dropped": None, "added": "3"}})
    assert answer.json()["metadata"] == {"kept": "1", "added": "3"}


def test_a_page_is_no_longer_than_asked_for(server: Server, bucket: Any) -> None:
    for name in ("p/1", "p/2/x", "p/3"):
        bucket.blob(name).upload_from_string(b"")
    parameters = {"prefix": "p/", "delimiter": "/", "maxResults": "2"}
    with server.http() as http:
        first = http.get(f"/storage/v1/b/{BUCKET}/o", params=parameters).json()
        rest = {**parameters, "pageToken": first["nextPageToken"]}
        second = http.get(f"/storage/v1/b/{BUCKET}/o", params=rest).json()
    assert ([item["name"] for item in first["items"]], first["prefixes"]) == (["p/1"], ["p/2/"])
    assert [item["name"] for item in second["items"]] == ["p/3"]
    assert "nextPageToken" not in second


def test_replaced_and_deleted_objects_leave_no_bytes(server: Server, bucket: Any) -> None:
    def files() -> set[str]:
        return {path.name for path in (server.state_dir / "blobs").rglob("*") if path.is_file()}

    before = files()
    for content in (b"one", b"two", b"three"):
        bucket.blob("counted").upload_from_string(content)
    assert len(files() - before) == 1
    bucket.blob("counted").delete()
    assert files() == before
