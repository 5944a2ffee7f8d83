"""The installed client library's own signer, with the clock and the key in the test's hand."""

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud.storage import _signing
from google.oauth2 import service_account

EMAIL = "signer@campus-local.iam.gserviceaccount.com"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def credentials(key: rsa.RSAPrivateKey, email: str = EMAIL) -> Any:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    info = {"client_email": email, "private_key": pem.decode(), "token_uri": "http://127.0.0.1/token"}
    return service_account.Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]


def sign(signing: Any, base_url: str, path: str, start: datetime, seconds: int, **options: Any) -> str:
    stamp = start.strftime("%Y%m%dT%H%M%SZ")
    options = {**options, "expiration": seconds, "api_access_endpoint": base_url, "_request_timestamp": stamp}
    url = _signing.generate_signed_url_v4(signing, resource=path, **options)  # type: ignore[no-untyped-call]
    return str(url)
