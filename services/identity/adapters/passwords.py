"""Passwords hashed by argon2id, behind a bulkhead so that logins never take every thread."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.chassis.bulkhead import Bulkhead

# OWASP Password Storage Cheat Sheet: the least memory it allows for argon2id; about 15 ms on one core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash("nobody has this password")


class Argon2Hasher:
    def __init__(self, at_once: int = 2, waiting: int = 32) -> None:
        self._bulkhead = Bulkhead(at_once, waiting)

    def hash(self, password: str) -> str:
        with self._bulkhead.entered():
            return _HASHER.hash(password)

    def matches(self, password: str, password_hash: str | None) -> bool:
        with self._bulkhead.entered():
            try:
                _HASHER.verify(password_hash or _NOBODY, password)
            except (VerificationError, InvalidHashError):
                return False
            return bool(password_hash)

    def is_outdated(self, password_hash: str) -> bool:
        return _HASHER.check_needs_rehash(password_hash)
