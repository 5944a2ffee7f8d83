"""Encryption at rest with Fernet keys from a file: the first one seals, all of them open."""

from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet


class FernetSealer:
    def __init__(self, *keys: bytes) -> None:
        self._keys = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def from_file(cls, path: str) -> "FernetSealer":
        if not (keys := Path(path).read_bytes().split()):
            raise SystemExit("CAMPUS_SEALING_KEYS must hold at least one Fernet key, one per line")
        return cls(*keys)

    def seal(self, text: str) -> str:
        return self._keys.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        return self._keys.decrypt(sealed.encode()).decode()
