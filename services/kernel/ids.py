"""Identifiers: UUID version 7, so that what is made later sorts later."""

import hashlib
import os
import time
import uuid


def new_id() -> str:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, the rest random."""
    return _uuid((time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big"), version=7)


def id_from(*parts: str) -> str:
    """The same id for the same parts, always (RFC 9562 section 5.8, version 8): for what must be made once."""
    return _uuid(int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:16], "big"), version=8)


def _uuid(value: int, version: int) -> str:
    return str(uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | version << 76 | 0x2 << 62))
