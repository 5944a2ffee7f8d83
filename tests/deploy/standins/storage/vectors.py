"""Requests signed by others: Google's published V4 vectors, or where those cannot be had the installed signer's."""

import hashlib
import json
import subprocess
import sys
import tarfile
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth.credentials import Signing

from deploy.local.standins.storage.signatures import SignedRequest
from tests.deploy.standins.storage import signer

_PACKAGE = "google-cloud-storage"
_BUILD = Path(__file__).parents[4] / "build" / "gcs-vectors"
_BASE = "https://storage.googleapis.com"


@dataclass(frozen=True)
class Vector:
    """One request somebody signed, and the hash of the canonical form they found for it."""

    description: str
    method: str
    url: str
    headers: dict[str, str]
    canonical_sha256: str | None

    def request(self, url: str | None = None) -> SignedRequest:
        parts = urlsplit(url or self.url)
        headers = [("Host", parts.netloc), *self.headers.items()]
        return SignedRequest(self.method, parts.path, parts.query, headers)

    @property
    def well_dated_url(self) -> str:
        """The published URLs carry the test's clock unformatted, unlike the canonical requests beside them."""
        day = "20190301" if "2019-03" in self.url else "20190201"
        month = f"{day[:4]}-{day[4:6]}-"
        url = self.url.replace(f"{month}01T09%3A00%3A00Z", f"{day}T090000Z")
        return url.replace(f"{month}%2Fauto", f"{day}%2Fauto")


@dataclass(frozen=True)
class Signed:
    email: str
    public_key: rsa.RSAPublicKey
    vectors: list[Vector]


def signed_by_others() -> Signed:
    """The client library's source release carries the published vectors; fetched once, kept in build/."""
    release = version(_PACKAGE)
    folder = _BUILD / release
    if not (folder / "account.json").exists() and not _fetch(release, folder):
        warnings.warn("Google's vectors could not be fetched; the installed signer judges instead", stacklevel=2)
        return _signed_here()
    account = json.loads((folder / "account.json").read_text("utf-8-sig"))
    data = json.loads((folder / "data.json").read_text("utf-8-sig"))
    key = load_pem_private_key(account["private_key"].encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return Signed(account["client_email"], key.public_key(), [_vector(entry) for entry in data["signingV4Tests"]])


def _fetch(release: str, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder)]
    try:
        subprocess.run([*pip, f"{_PACKAGE}=={release}"], check=True, capture_output=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        for target in ("data", "account"):
            suffix = f"/tests/unit/url_signer_v4_test_{target}.json"
            member = next(member for member in archive.getmembers() if member.name.endswith(suffix))
            content = archive.extractfile(member)
            assert content is not None
            (folder / f"{target}.json").write_bytes(content.read())
    return True


def _vector(entry: dict[str, Any]) -> Vector:
    # The release's texts to sign hash requests of another account than its canonical requests and URLs name.
    canonical = entry.get("expectedCanonicalRequest")
    digest = hashlib.sha256(canonical.encode()).hexdigest() if canonical is not None else None
    return Vector(entry["description"], entry["method"], entry["expectedUrl"], entry.get("headers", {}), digest)


class _Recorder(Signing):
    """Signs like an account, and remembers the last text it signed."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._credentials = signer.credentials(key)
        self.text = ""

    @property
    def signer_email(self) -> str:
        return signer.EMAIL

    @property
    def signer(self) -> Any:
        return self._credentials.signer

    def sign_bytes(self, message: bytes) -> bytes:
        self.text = message.decode()
        return bytes(self._credentials.sign_bytes(message))


def _signed_here() -> Signed:
    key = signer.new_key()
    vectors = []
    for number in range(20):
        recorder = _Recorder(key)
        method = ("GET", "PUT", "HEAD", "DELETE")[number % 4]
        headers = {f"x-goog-meta-{letter}": f"  a  {letter} " for letter in "abc"[: number % 3]}
        start = datetime(2019, 2, 1, 9, tzinfo=UTC)
        options = {"method": method, "headers": dict(headers), "query_parameters": {"q": "~ %/é" * (number % 5)}}
        url = signer.sign(recorder, _BASE, f"/bucket//a%20{number}%26~", start, 10, **options)
        digest = recorder.text.rpartition("\n")[2]
        vectors.append(Vector(f"{method} {number}", method, url, headers, digest))
    return Signed(signer.EMAIL, key.public_key(), vectors)
