"""What was acknowledged survives stops, kills and restarts; what was not is gone without a trace."""

import hashlib
import os
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.standins.storage.server import BUCKET, NO_TLS, WEB, Server

GRANULE = 256 * 1024
UPLOAD = f"/upload/storage/v1/b/{BUCKET}/o"


def _files(server: Server, folder: str) -> list[Path]:
    return [path for path in (server.state_dir / folder).rglob("*") if path.is_file()]


def test_a_stop_is_clean_and_a_restart_keeps_objects_key_and_tokens(own_server: Server) -> None:
    blob = own_server.bucket().blob("kept")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"kept bytes", content_type="text/plain")
    url = blob.generate_signed_url(version="v4", expiration=60)
    account = own_server.account_path.read_text()
    assert stat.S_IMODE(own_server.account_path.stat().st_mode) == 0o600
    with own_server.http() as http:
        assert own_server.stop() == 0
        own_server.start()
        assert http.get(f"/storage/v1/b/{BUCKET}/o/kept").json()["metadata"] == {"k": "v"}
    assert WEB.get(url).content == b"kept bytes"
    assert own_server.account_path.read_text() == account


def test_another_port_changes_the_token_address_and_nothing_else(own_server: Server) -> None:
    own_server.bucket().blob("kept").upload_from_string(b"x")
    own_server.stop()
    own_server.port = 0
    own_server.start()
    assert own_server.bucket().blob("kept").download_as_bytes() == b"x"


def test_uploads_acknowledged_before_a_kill_are_whole_afterwards(own_server: Server) -> None:
    sums: dict[str, str] = {}
    overwritten: list[bytes] = []
    twenty = threading.Event()

    def upload(worker: int) -> None:
        with own_server.http() as http:
            try:
                for number in range(10_000):
                    data = os.urandom(200_000)
                    name = f"w{worker}-{number}"
                    for target in (name, "overwritten"):
                        parameters = {"uploadType": "media", "name": target}
                        assert http.post(UPLOAD, params=parameters, content=data).status_code == 200
                    sums[name] = hashlib.sha256(data).hexdigest()
                    overwritten.append(data)
                    if len(sums) >= 20:
                        twenty.set()
            except httpx.TransportError:
                return

    workers = [threading.Thread(target=upload, args=[worker]) for worker in range(2)]
    for worker in workers:
        worker.start()
    assert twenty.wait(30)
    own_server.kill()
    for worker in workers:
        worker.join()
    own_server.start()
    listed = {blob.name: blob for blob in own_server.bucket().list_blobs()}
    assert set(sums) <= set(listed)
    for name, blob in listed.items():
        # The client compares the bytes with the stored hashes while it downloads.
        data = blob.download_as_bytes()
        assert len(data) == 200_000
        assert name not in sums or hashlib.sha256(data).hexdigest() == sums[name]
    assert len(_files(own_server, "blobs")) == len(listed)
    assert not _files(own_server, "incoming")


def test_a_resumable_upload_goes_on_after_a_kill(own_server: Server) -> None:
    data = os.urandom(3 * GRANULE)
    with own_server.http() as http:
        url = http.post(f"{UPLOAD}?uploadType=resumable", json={"name": "long"}).headers["Location"]
    first = {"Content-Range": f"bytes 0-{2 * GRANULE - 1}/{len(data)}"}
    assert WEB.put(url, content=data[: 2 * GRANULE], headers=first).status_code == 308
    own_server.kill()
    own_server.start()
    asked = WEB.put(url, headers={"Content-Range": f"bytes */{len(data)}"})
    assert (asked.status_code, asked.headers["Range"]) == (308, f"bytes=0-{2 * GRANULE - 1}")
    rest = {"Content-Range": f"bytes {2 * GRANULE}-{len(data) - 1}/{len(data)}"}
    assert WEB.put(url, content=data[2 * GRANULE :], headers=rest).status_code == 200
    assert own_server.bucket().blob("long").download_as_bytes() == data


def test_an_upload_that_breaks_off_leaves_nothing(own_server: Server) -> None:
    with own_server.http() as http:
        token = http.headers["Authorization"]

    def broken() -> Any:
        yield b"half"
        raise ConnectionError

    parameters = {"uploadType": "media", "name": "half"}
    with pytest.raises(ConnectionError), httpx.Client(verify=NO_TLS, base_url=own_server.url) as http:
        http.post(UPLOAD, params=parameters, content=broken(), headers={"Authorization": token})
    own_server.bucket().blob("whole").upload_from_string(b"whole")
    assert not own_server.bucket().blob("half").exists()
    own_server.stop()
    assert not _files(own_server, "incoming")


def test_a_second_server_on_the_same_directory_is_refused(own_server: Server) -> None:
    second = subprocess.run(own_server.command(), capture_output=True, text=True, timeout=10, check=False)
    assert second.returncode == 1
    assert "already served by another process" in second.stderr


def test_a_taken_port_is_named(own_server: Server, tmp_path: Path) -> None:
    other = Server(tmp_path / "other")
    other.port = own_server.port
    second = subprocess.run(other.command(), capture_output=True, text=True, timeout=10, check=False)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{own_server.port}" in second.stderr
