"""Accounts: making one, and what its user says of themselves."""

from dataclasses import dataclass, field

from services.identity.commands.deeds import OPERATOR, roles_deed
from services.identity.domain.password import refuse_common
from services.identity.domain.user import Role, User, existing
from services.identity.ports import CommonPasswords, PasswordHasher, Store
from services.kernel.clock import Clock
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey


@dataclass(frozen=True)
class Register:
    email: str
    name: str
    username: str
    request: RequestKey
    password: str = field(repr=False)
    phone: str = ""


def register(command: Register, store: Store, hasher: PasswordHasher, common: CommonPasswords, clock: Clock) -> User:
    user = User.register(
        new_id(),
        email=command.email,
        username=command.username,
        name=command.name,
        phone=command.phone,
        password_hash="",
        now=clock(),
    )
    refuse_common(command.password, common, user.own_words)
    user.password_hash = hasher.hash(command.password)
    with store.begin() as tx:
        if earlier := tx.requests.claim(command.request, user.id):
            return existing(tx.users.get(earlier))
        tx.users.add(user)
    return user


@dataclass(frozen=True)
class UpdateProfile:
    user_id: str
    changes: dict[str, str]
    etag: str = ""


def update_profile(command: UpdateProfile, store: Store, clock: Clock) -> User:
    with store.begin() as tx:
        user = existing(tx.users.get(command.user_id))
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
        user = existing(tx.users.by_identifier(command.identifier))
        if command.role not in user.roles:
            before = user.roles
            user.grant(command.role, clock())
            tx.users.save(user)
            tx.audit.append(roles_deed(OPERATOR, "GrantRole", user, before, clock()))
    return user
