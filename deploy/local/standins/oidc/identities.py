"""The people who can sign in here, each with a subject that never changes and is never given again."""

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from deploy.local.standins.oidc.store import Store

_SUBJECT_DIGITS = 21
_LONGEST = 255


class BadIdentity(ValueError):
    """A description that names nobody, or cannot be understood."""


@dataclass(frozen=True)
class Identity:
    """`email_verified` None: the claim is left out; `picture` None: the one this provider paints."""

    sub: str
    email: str | None = None
    email_verified: bool | None = True
    name: str | None = None
    picture: str | None = None
    hd: str | None = None


_FIRST = (
    Identity("", "ada.lovelace@example.com", True, "Ada Lovelace"),
    Identity("", "grace.hopper@university.example", True, "Grace Hopper", hd="university.example"),
    Identity("", "unverified@example.com", False, "Ursula Unverified"),
    Identity("", "silent@example.com", None, "Sam Silent"),
)
_FIELDS = tuple(field.name for field in fields(Identity))


class Identities:
    def __init__(self, store: Store) -> None:
        self._store = store
        if not self.listed():
            for one in _FIRST:
                self.add({name: value for name, value in asdict(one).items() if name != "sub"})

    def listed(self) -> list[Identity]:
        return [_identity(row) for row in self._store.sql.execute("SELECT * FROM identities ORDER BY seq")]

    def find(self, sub: str) -> Identity | None:
        row = self._store.sql.execute("SELECT * FROM identities WHERE sub = ?", (sub,)).fetchone()
        return None if row is None else _identity(row)

    def find_by_email(self, email: str) -> Identity | None:
        """The newest account of an address: older ones lost it to their successor."""
        row = self._store.sql.execute(
            "SELECT * FROM identities WHERE lower(email) = lower(?) ORDER BY seq DESC", (email,)
        ).fetchone()
        return None if row is None else _identity(row)

    def add(self, description: Mapping[str, Any]) -> Identity:
        """A new account, also if another has the same address: that is how an address is recycled."""
        sub = str(1 + secrets.randbelow(9)) + "".join(secrets.choice("0123456789") for _ in range(_SUBJECT_DIGITS - 1))
        identity = _changed(Identity(sub), description)
        if self.find(identity.sub):
            raise BadIdentity(f"there is an identity {identity.sub}")
        self._write(identity)
        return identity

    def change(self, identity: Identity, description: Mapping[str, Any]) -> Identity:
        changed = _changed(identity, description)
        if changed.sub != identity.sub:
            raise BadIdentity("a subject never changes")
        self._write(changed)
        return changed

    def meet(self, description: Mapping[str, Any]) -> Identity:
        """The person of that subject, or else address, with whatever else is said; a new one if nobody is."""
        sub, email = description.get("sub"), description.get("email")
        if not isinstance(sub or email, str):
            raise BadIdentity("name an identity by sub or email")
        known = self.find(str(sub)) if sub else self.find_by_email(str(email))
        if known is None:
            return self.add(description)
        # The address as it was first spelled, unless the subject says who it is and the address is news.
        news = description if sub else {name: value for name, value in description.items() if name != "email"}
        return self.change(known, news)

    def remove(self, sub: str) -> None:
        with self._store.transaction():
            for table in ("identities", "codes", "tokens", "consents"):
                self._store.sql.execute(f"DELETE FROM {table} WHERE sub = ?", (sub,))  # noqa: S608 - our own names

    def _write(self, identity: Identity) -> None:
        values = asdict(identity)
        columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        news = ", ".join(f"{name} = excluded.{name}" for name in values if name != "sub")
        with self._store.transaction():
            self._store.sql.execute(
                f"INSERT INTO identities ({columns}) VALUES ({marks}) "  # noqa: S608 - the names are our fields'
                f"ON CONFLICT (sub) DO UPDATE SET {news}",
                values,
            )


def _identity(row: sqlite3.Row) -> Identity:
    values = {name: row[name] for name in _FIELDS}
    verified = values["email_verified"]
    return Identity(**{**values, "email_verified": None if verified is None else bool(verified)})


def _changed(identity: Identity, description: Mapping[str, Any]) -> Identity:
    unknown = description.keys() - set(_FIELDS)
    if unknown:
        raise BadIdentity(f"unknown: {', '.join(sorted(unknown))}")
    changed = replace(identity, **description)
    if changed.email_verified not in (True, False, None):
        raise BadIdentity("email_verified is true, false or null")
    texts = (changed.email, changed.name, changed.picture, changed.hd)
    if not all(text is None or (isinstance(text, str) and 0 < len(text) <= _LONGEST) for text in texts):
        raise BadIdentity(f"email, name, picture and hd are texts of 1 to {_LONGEST} characters, or null")
    if changed.email is not None and ("@" not in changed.email or any(sign.isspace() for sign in changed.email)):
        raise BadIdentity("that is no e-mail address")
    sub = changed.sub
    if not (isinstance(sub, str) and sub and sub.isascii() and sub.isprintable() and len(sub) <= _LONGEST):
        raise BadIdentity(f"a subject is printable ASCII of at most {_LONGEST} characters")
    return changed
