"""Passwords and e-mail addresses: changed by who holds them, or by a link that only they get."""

from dataclasses import dataclass, field
from datetime import datetime

from services.identity.commands.api_keys import revoke_keys
from services.identity.commands.letters import write_letter
from services.identity.commands.limits import admit
from services.identity.commands.proof import proven
from services.identity.commands.sessions import end_sessions
from services.identity.domain.errors import CurrentPasswordWrong, MailTokenInvalid
from services.identity.domain.letter import MailToken, Subject
from services.identity.domain.password import refuse_common
from services.identity.domain.secret import secret_hash
from services.identity.domain.throttle import mail_limit
from services.identity.domain.user import User, existing, folded
from services.identity.ports import CommonPasswords, PasswordHasher, Sealer, Store, Tx
from services.kernel.clock import Clock


@dataclass(frozen=True)
class ChangePassword:
    user_id: str
    session_id: str
    current_password: str = field(repr=False)
    new_password: str = field(repr=False)


def change_password(
    command: ChangePassword,
    store: Store,
    hasher: PasswordHasher,
    common: CommonPasswords,
    sealer: Sealer,
    clock: Clock,
) -> int:
    """How many other sessions ended."""
    now = clock()
    user = proven(command.user_id, command.current_password, store, hasher, now, field="current_password")
    refuse_common(command.new_password, common, user.own_words, field="new_password")
    password_hash = hasher.hash(command.new_password)
    with store.begin() as tx:
        held = existing(tx.users.hold(user.id))
        if held.password_hash != user.password_hash:
            raise CurrentPasswordWrong(field="current_password")
        return _set_password(tx, held, password_hash, sealer, now, keep=command.session_id)


@dataclass(frozen=True)
class RequestPasswordReset:
    email: str


def request_password_reset(command: RequestPasswordReset, store: Store, sealer: Sealer, clock: Clock) -> None:
    """Does the same for every address: whether there is an account shows only when the letter is sent."""
    _ask_for_link(Subject.RESET_PASSWORD, command.email, store, sealer, clock())


@dataclass(frozen=True)
class ResetPassword:
    token: str = field(repr=False)
    new_password: str = field(repr=False)


def reset_password(
    command: ResetPassword,
    store: Store,
    hasher: PasswordHasher,
    common: CommonPasswords,
    sealer: Sealer,
    clock: Clock,
) -> None:
    now = clock()
    password_hash = hasher.hash(command.new_password)
    with store.begin() as tx:
        link = _taken(tx, command.token, Subject.RESET_PASSWORD, now)
        user = existing(tx.users.hold(link.user_id))
        refuse_common(command.new_password, common, user.own_words, field="new_password")
        if user.email_verified_at is None:
            # Whoever had the account so far never proved the address: nothing they left may let them back in.
            for account in tx.linked.of_user(user.id):
                tx.linked.remove(account.id)
            tx.second_factors.remove(user.id)
            revoke_keys(tx, user.id, now)
        user.verify_email(link.address, now)
        _set_password(tx, user, password_hash, sealer, now)


@dataclass(frozen=True)
class RequestEmailVerification:
    user_id: str


def request_email_verification(command: RequestEmailVerification, store: Store, sealer: Sealer, clock: Clock) -> None:
    with store.begin() as tx:
        user = existing(tx.users.get(command.user_id))
    if user.email and user.email_verified_at is None:
        _ask_for_link(Subject.VERIFY_EMAIL, user.email, store, sealer, clock())


@dataclass(frozen=True)
class ConfirmEmail:
    token: str = field(repr=False)


def confirm_email(command: ConfirmEmail, store: Store, clock: Clock) -> None:
    now = clock()
    with store.begin() as tx:
        link = _taken(tx, command.token, Subject.VERIFY_EMAIL, now)
        user = existing(tx.users.hold(link.user_id))
        user.verify_email(link.address, now)
        tx.users.save(user)


def _ask_for_link(subject: Subject, address: str, store: Store, sealer: Sealer, now: datetime) -> None:
    with store.begin() as tx:
        if admit(tx, [mail_limit(subject, folded(address))], now) is None:
            write_letter(tx, subject, address, sealer, now)


def _taken(tx: Tx, token: str, subject: Subject, now: datetime) -> MailToken:
    link = tx.mail_tokens.take(secret_hash(token), subject, now)
    if link is None or now >= link.expires_at:
        raise MailTokenInvalid(field="token")
    return link


def _set_password(tx: Tx, user: User, password_hash: str, sealer: Sealer, now: datetime, *, keep: str = "") -> int:
    user.set_password(password_hash, now)
    tx.users.save(user)
    if user.email:
        write_letter(tx, Subject.PASSWORD_CHANGED, user.email, sealer, now)
    return end_sessions(tx, user.id, now, keep=keep)
