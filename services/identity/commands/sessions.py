"""Sessions: opened by a password, kept by refresh tokens, ended by whoever owns them."""

from dataclasses import dataclass, field
from datetime import datetime

from services.identity.commands.limits import admit
from services.identity.domain.errors import (
    CredentialsInvalid,
    RefreshTokenInvalid,
    RefreshTokenReused,
    SecondFactorRequired,
    SecondFactorWrong,
    SessionNotFound,
    UserBlocked,
)
from services.identity.domain.second_factor import Totp, confirmed
from services.identity.domain.secret import new_secret, secret_hash
from services.identity.domain.session import Refreshed, Session
from services.identity.domain.throttle import Limit, code_limit, login_limits
from services.identity.domain.user import User, existing, folded
from services.identity.ports import AccessToken, OneTimeCodes, PasswordHasher, Store, TokenIssuer, Tx
from services.kernel.clock import Clock
from services.kernel.errors import StaleVersion
from services.kernel.ids import new_id


@dataclass(frozen=True)
class OpenSession:
    """A session with the tokens that only its owner ever sees."""

    session: Session
    access: AccessToken
    refresh_token: str = field(repr=False)
    device_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Login:
    identifier: str
    password: str = field(repr=False)
    # What the caller told of itself, where it calls from, and the token of its last sign-in.
    device: str = ""
    address: str = ""
    device_token: str = field(default="", repr=False)
    code: str = field(default="", repr=False)


def login(
    command: Login,
    store: Store,
    hasher: PasswordHasher,
    codes: OneTimeCodes,
    issuer: TokenIssuer,
    clock: Clock,
) -> OpenSession:
    now = clock()
    user, limits = _admitted(command, store, now)
    # No transaction is open while the hash takes its time.
    if not hasher.matches(command.password, user.password_hash if user else None) or user is None:
        raise CredentialsInvalid
    _count_code(user.id, command.code, store, now)
    renewed = hasher.hash(command.password) if hasher.is_outdated(user.password_hash) else ""
    session, token = Session.start(new_id(), user.id, now, command.device), issuer.first_refresh_token()
    known = limits[0].key.startswith("device:")
    device_token = command.device_token if known else new_secret()
    with store.begin() as tx:
        # Held: whoever changes the password meanwhile finds this session and ends it, or we find the new password.
        held = tx.users.hold(user.id)
        if held is None or held.password_hash != user.password_hash:
            raise CredentialsInvalid
        if held.blocked_at is not None:
            raise UserBlocked
        if totp := confirmed(tx.second_factors.get(user.id)):
            check_code(tx, totp, command.code, codes, now)
            tx.attempts.clear(code_limit(user.id))
        if renewed:
            held.set_password(renewed, now)
            tx.users.save(held)
        _forgive(tx, limits)
        tx.devices.remember(secret_hash(device_token), user.id, now)
        tx.sessions.add(session, secret_hash(token))
    return OpenSession(session, issuer.access_token(held, session, now), token, device_token)


def _admitted(command: Login, store: Store, now: datetime) -> tuple[User | None, list[Limit]]:
    """Counts the try before the password is looked at, so that a thousand at once are not a thousand tries."""
    device = secret_hash(command.device_token)
    with store.begin() as tx:
        user = tx.users.by_identifier(command.identifier)
        known = bool(user and command.device_token and tx.devices.belongs(device, user.id))
        limits = login_limits(folded(command.identifier), device if known else "", command.address)
        throttled = admit(tx, limits, now)
    if throttled:
        raise throttled
    return user, limits


def _count_code(user_id: str, code: str, store: Store, now: datetime) -> None:
    """Counts a code before it is looked at, like a password."""
    if not code:
        return
    with store.begin() as tx:
        throttled = admit(tx, [code_limit(user_id)], now)
    if throttled:
        raise throttled


def check_code(tx: Tx, totp: Totp, code: str, codes: OneTimeCodes, now: datetime) -> None:
    """Uses up a code of the application or a recovery code; of all who present the same one, one is let in."""
    if not code:
        raise SecondFactorRequired
    if (step := codes.step_of(totp.sealed, code, now)) is not None:
        good = tx.second_factors.use_step(totp.user_id, step)
    else:
        good = tx.second_factors.use_recovery_code(totp.user_id, secret_hash(code))
    if not good:
        raise SecondFactorWrong


def _forgive(tx: Tx, limits: list[Limit]) -> None:
    whose, *address = limits
    tx.attempts.clear(whose)
    for limit in address:
        tx.attempts.uncount(limit)


def open_session(tx: Tx, user: User, issuer: TokenIssuer, now: datetime, device: str) -> OpenSession:
    """For a user who is held, and who proved who they are by something else than the password."""
    if user.blocked_at is not None:
        raise UserBlocked
    session, token = Session.start(new_id(), user.id, now, device), issuer.first_refresh_token()
    device_token = new_secret()
    tx.sessions.add(session, secret_hash(token))
    tx.devices.remember(secret_hash(device_token), user.id, now)
    return OpenSession(session, issuer.access_token(user, session, now), token, device_token)


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
    successor, *others = issuer.next_refresh_tokens(command.refresh_token)
    with store.begin() as tx:
        found = tx.sessions.by_refresh_hash(secret_hash(command.refresh_token))
        if found is None:
            raise RefreshTokenInvalid
        session, generation = found
        outcome = session.refresh(generation, now)
        if outcome is Refreshed.REPEATED:
            successor = _given(tx, [successor, *others])
        else:
            tx.sessions.save(session, secret_hash(successor) if outcome is Refreshed.ROTATED else None)
        user = existing(tx.users.get(session.user_id))
    if outcome is Refreshed.REVOKED:
        raise RefreshTokenReused
    return OpenSession(session, issuer.access_token(user, session, now), successor)


def _given(tx: Tx, successors: list[str]) -> str:
    """The successor that was given out: the signing key may have changed since."""
    for successor in successors:
        if tx.sessions.by_refresh_hash(secret_hash(successor)):
            return successor
    raise RefreshTokenInvalid


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
class RevokeSession:
    user_id: str
    session_id: str


def revoke_session(command: RevokeSession, store: Store, clock: Clock) -> None:
    with store.begin() as tx:
        session = tx.sessions.get(command.session_id)
        if session is None or session.user_id != command.user_id:
            raise SessionNotFound
        end_sessions(tx, command.user_id, clock(), only=command.session_id)


@dataclass(frozen=True)
class RevokeOtherSessions:
    user_id: str
    session_id: str


def revoke_other_sessions(command: RevokeOtherSessions, store: Store, clock: Clock) -> int:
    with store.begin() as tx:
        return end_sessions(tx, command.user_id, clock(), keep=command.session_id)


def end_sessions(tx: Tx, user_id: str, now: datetime, *, keep: str = "", only: str = "") -> int:
    """Ends the user's sessions, but not `keep`, or none but `only`; how many."""
    ending = [s for s in tx.sessions.hold_living(user_id) if s.id != keep and only in ("", s.id)]
    for session in ending:
        session.revoke(now)
        tx.sessions.save(session)
    return len(ending)
