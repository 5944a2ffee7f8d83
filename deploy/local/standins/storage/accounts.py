"""The service account the stand-in trusts: made at the first run, kept in the file the client library reads."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "campus-local"
EMAIL = f"campus-storage@{PROJECT}.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Account:
    """What the server knows of an account; the private key stays in the client's file."""

    email: str
    key_id: str
    token_uri: str
    public_key: rsa.RSAPublicKey


def ensure_account(path: Path, base_url: str) -> Account:
    """Load the account, or make it; its token_uri follows the port, its key stays."""
    document = json.loads(path.read_text()) if path.exists() else _new_document()
    token_uri = f"{base_url}/token"
    if document.get("token_uri") != token_uri:
        document["token_uri"] = token_uri
        _write_private(path, json.dumps(document, indent=2))
    return _account(document)


def _new_document() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": secrets.token_hex(20),
        "private_key": pem.decode("ascii"),
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        # Not Google's: a client that takes this account asks nothing of Google.
        "universe_domain": "campus.localhost",
    }


def _account(document: dict[str, str]) -> Account:
    key = serialization.load_pem_private_key(document["private_key"].encode("ascii"), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the service account's key is not an RSA key")
    return Account(document["client_email"], document["private_key_id"], document["token_uri"], key.public_key())


def _write_private(path: Path, text: str) -> None:
    """Readable by the owner only from its first byte on, and never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
