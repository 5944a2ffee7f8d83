"""Second factors: begun, proven, used, removed."""

from dataclasses import dataclass, field
from datetime import datetime

from services.identity.commands.limits import admit
from services.identity.commands.proof import proven
from services.identity.commands.sessions import check_code, end_sessions
from services.identity.domain.second_factor import Totp, begun, new_recovery_codes, refuse_enabled
from services.identity.domain.secret import secret_hash
from services.identity.domain.throttle import code_limit
from services.identity.domain.user import existing
from services.identity.ports import OneTimeCodes, PasswordHasher, Store
from services.kernel.clock import Clock


@dataclass(frozen=True)
class BegunTotp:
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True)
class StartTotp:
    user_id: str
    password: str = field(repr=False)


def start_totp(
    command: StartTotp, store: Store, hasher: PasswordHasher, codes: OneTimeCodes, clock: Clock
) -> BegunTotp:
    user = proven(command.user_id, command.password, store, hasher, clock())
    secret, sealed = codes.new_secret()
    with store.begin() as tx:
        existing(tx.users.hold(user.id))
        refuse_enabled(tx.second_factors.get(user.id))
        tx.second_factors.begin(Totp(user.id, sealed))
    return BegunTotp(secret, codes.uri(secret, user.email or user.phone))


@dataclass(frozen=True)
class ConfirmTotp:
    user_id: str
    session_id: str
    code: str = field(repr=False)


def confirm_totp(command: ConfirmTotp, store: Store, codes: OneTimeCodes, clock: Clock) -> list[str]:
    """The recovery codes, which nobody sees again."""
    now = clock()
    _count(command.user_id, store, now)
    recovery = new_recovery_codes()
    with store.begin() as tx:
        existing(tx.users.hold(command.user_id))
        totp = begun(tx.second_factors.get(command.user_id))
        refuse_enabled(totp)
        check_code(tx, totp, command.code, codes, now)
        tx.second_factors.confirm(command.user_id, [secret_hash(each) for each in recovery], now)
        tx.attempts.clear(code_limit(command.user_id))
        end_sessions(tx, command.user_id, now, keep=command.session_id)
    return recovery


@dataclass(frozen=True)
class RemoveTotp:
    user_id: str
    password: str = field(repr=False)
    code: str = field(repr=False)


def remove_totp(command: RemoveTotp, store: Store, hasher: PasswordHasher, codes: OneTimeCodes, clock: Clock) -> None:
    now = clock()
    proven(command.user_id, command.password, store, hasher, now)
    _count(command.user_id, store, now)
    with store.begin() as tx:
        existing(tx.users.hold(command.user_id))
        check_code(tx, begun(tx.second_factors.get(command.user_id)), command.code, codes, now)
        tx.second_factors.remove(command.user_id)
        tx.attempts.clear(code_limit(command.user_id))


def _count(user_id: str, store: Store, now: datetime) -> None:
    """Codes are short: guesses of them are counted like those of the password."""
    with store.begin() as tx:
        throttled = admit(tx, [code_limit(user_id)], now)
    if throttled:
        raise throttled
