"""Secrets that are given out once and kept as hashes."""

import hashlib
import secrets


def new_secret() -> str:
    """256 random bits, safe in URLs."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """How secrets are kept. They are 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
