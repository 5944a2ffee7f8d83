"""The development certificate authority, the certificates it signs, and identity's signing key."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.local.services import SERVICES

GATEWAY = "gateway"
PUBLIC = "localhost"
CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Identity:
    """The files one holder of a certificate is given."""

    cert: Path
    key: Path
    ca: Path

    def env(self) -> dict[str, str]:
        return {"CAMPUS_TLS_CERT": str(self.cert), "CAMPUS_TLS_KEY": str(self.key), "CAMPUS_TLS_CA": str(self.ca)}


class Pki:
    """Everything lies in one directory; what is missing or near its end is made anew, the rest is left alone."""

    def __init__(self, directory: Path, services: tuple[str, ...] = SERVICES) -> None:
        self.directory = directory.resolve()
        self._services = services

    @property
    def ca_cert(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def ca_key(self) -> Path:
        return self.directory / "ca.key"

    @property
    def signing_key(self) -> Path:
        """Identity's Ed25519 private key."""
        return self.directory / "signing.key"

    @property
    def sealing_keys(self) -> Path:
        """The keys by which identity encrypts what it has to read again."""
        return self.directory / "sealing.keys"

    def of(self, name: str) -> Identity:
        """Return the files of a service, of the gateway, or of the gateway's public listener (`localhost`)."""
        return Identity(self.directory / f"{name}.crt", self.directory / f"{name}.key", self.ca_cert)

    def ensure(self, now: datetime | None = None) -> "Pki":
        """Make what is missing or expires soon."""
        now = now or datetime.now(UTC)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._is_current(now):
            return self
        # Imported here: a second start finds everything in place and must not pay for the library.
        from deploy.local import certificates

        if not self.signing_key.exists():
            write_private(self.signing_key, certificates.signing_key())
        if not self.sealing_keys.exists():
            write_private(self.sealing_keys, certificates.sealing_key())
        new_authority = not self._lasts(self.ca_cert, self.ca_key, now)
        if new_authority:
            certificates.make_authority(self.ca_cert, self.ca_key, now, CA_LIFE)
            self._stamp(self.ca_cert, now + CA_LIFE)
        for name in (*self._services, GATEWAY, PUBLIC):
            files = self.of(name)
            if new_authority or not self._lasts(files.cert, files.key, now):
                uri = None if name == PUBLIC else f"spiffe://campus/{name}"
                certificates.make_leaf(self, name, uri, now, LEAF_LIFE)
                self._stamp(files.cert, now + LEAF_LIFE)
        return self

    def _is_current(self, now: datetime) -> bool:
        pairs = [(self.ca_cert, self.ca_key)]
        pairs += [(self.of(name).cert, self.of(name).key) for name in (*self._services, GATEWAY, PUBLIC)]
        kept = self.signing_key.exists() and self.sealing_keys.exists()
        return kept and all(self._lasts(cert, key, now) for cert, key in pairs)

    def _lasts(self, cert: Path, key: Path, now: datetime) -> bool:
        """Tell whether a pair is there and good for a while, from the certificate's modification time (see _stamp)."""
        if not (cert.exists() and key.exists()):
            return False
        return datetime.fromtimestamp(cert.stat().st_mtime, UTC) - RENEW_BEFORE > now

    @staticmethod
    def _stamp(cert: Path, until: datetime) -> None:
        """Set the file's time to the end of its validity, so that a look at it needs no parser."""
        os.utime(cert, (until.timestamp(), until.timestamp()))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
