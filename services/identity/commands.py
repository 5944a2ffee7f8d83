"""The write side: one frozen dataclass and one function per command."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from services.identity.domain.errors import (
    CredentialsInvalid,
    RefreshTokenInvalid,
    RefreshTokenReused,
    UserNotFound,
)
from services.identity.domain.session import Refreshed, Session
from services.identity.domain.user import Role, User
from services.identity.ports import AccessToken, PasswordHasher, Store, TokenIssuer
from services.kernel.clock import Clock
from services.kernel.errors import StaleVersion
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey


@dataclass(frozen=True)
class OpenSession:
    """A session with the tokens that only its owner ever sees."""

    session: Session
    access: AccessToken
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Register:
    email: str
    name: str
    username: str
    request: RequestKey
    password: str = field(repr=False)


def register(command: Register, store: Store, hasher: PasswordHasher, clock: Clock) -> User:
    password_hash = hasher.hash(command.password)
    user = User.register(
        new_id(),
        email=command.email,
        username=command.username,
        name=command.name,
        password_hash=password_hash,
        now=clock(),
    )
    with store.begin() as tx:
        if earlier := tx.requests.claim(command.request, user.id):
            return _existing(tx.users.get(earlier))
        tx.users.add(user)
    return user


@dataclass(frozen=True)
class Login:
    identifier: str
    password: str = field(repr=False)


def login(command: Login, store: Store, hasher: PasswordHasher, issuer: TokenIssuer, clock: Clock) -> OpenSession:
    with store.begin() as tx:
        user = tx.users.by_identifier(command.identifier)
    # No transaction is open while the hash takes its time.
    if not hasher.matches(command.password, user.password_hash if user else None) or user is None:
        raise CredentialsInvalid
    now = clock()
    session = Session.start(new_id(), user.id, now)
    token = issuer.first_refresh_token()
    with store.begin() as tx:
        tx.sessions.add(session, token_hash(token))
    return OpenSession(session, issuer.access_token(user, session, now), token)


@dataclass(frozen=True)
class RefreshSession:
    refresh_token: str = field(repr=False)


def refresh_session(command: RefreshSession, store: Store, issuer: TokenIssuer, clock: Clock) -> OpenSession:
    try:
        return _refresh(command, store, issuer, clock())
    except StaleVersion:
        # Someone rotated between our read and our write: read again, and the token is the one before the newest.
        return _refresh(command, store, issuer, clock())


def _refresh(command: RefreshSession, store: Store, issuer: TokenIssuer, now: datetime) -> OpenSession:
    successor = issuer.next_refresh_token(command.refresh_token)
    with store.begin() as tx:
        found = tx.sessions.by_refresh_hash(token_hash(command.refresh_token))
        if found is None:
            raise RefreshTokenInvalid
        session, generation = found
        outcome = session.refresh(generation, now)
        if outcome is not Refreshed.REPEATED:
            tx.sessions.save(session, token_hash(successor) if outcome is Refreshed.ROTATED else None)
        user = _existing(tx.users.get(session.user_id))
    if outcome is Refreshed.REVOKED:
        raise RefreshTokenReused
    return OpenSession(session, issuer.access_token(user, session, now), successor)


@dataclass(frozen=True)
class Logout:
    session_id: str


def logout(command: Logout, store: Store, clock: Clock) -> None:
    with store.begin() as tx:
        session = tx.sessions.get(command.session_id)
        if session is not None and session.revoked_at is None:
            session.revoke(clock())
            tx.sessions.save(session)


@dataclass(frozen=True)
class UpdateProfile:
    user_id: str
    changes: dict[str, str]
    etag: str = ""


def update_profile(command: UpdateProfile, store: Store, clock: Clock) -> User:
    with store.begin() as tx:
        user = _existing(tx.users.get(command.user_id))
        if command.changes:
            user.update_profile(command.changes, command.etag, clock())
            tx.users.save(user)
    return user


@dataclass(frozen=True)
class GrantRole:
    """For operators at the command line: the first admin can't be made by an admin."""

    identifier: str
    role: Role


def grant_role(command: GrantRole, store: Store, clock: Clock) -> User:
    with store.begin() as tx:
        user = _existing(tx.users.by_identifier(command.identifier))
        if command.role not in user.roles:
            user.grant(command.role, clock())
            tx.users.save(user)
    return user


def token_hash(token: str) -> str:
    """How refresh tokens are kept. They are 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _existing(user: User | None) -> User:
    if user is None:
        raise UserNotFound
    return user
