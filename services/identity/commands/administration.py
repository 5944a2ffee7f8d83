"""What admins do to accounts; each deed goes into the audit log in the same transaction."""

from dataclasses import dataclass

from services.identity.commands.api_keys import revoke_keys
from services.identity.commands.deeds import roles_deed
from services.identity.commands.sessions import end_sessions
from services.identity.domain.audit import Deed
from services.identity.domain.errors import OwnAccount
from services.identity.domain.user import Role, User, existing
from services.identity.ports import Store
from services.kernel.clock import Clock


@dataclass(frozen=True)
class BlockUser:
    admin_id: str
    user_id: str
    comment: str


def block_user(command: BlockUser, store: Store, clock: Clock) -> User:
    _refuse_own(command.admin_id, command.user_id)
    now = clock()
    with store.begin() as tx:
        user = existing(tx.users.hold(command.user_id))
        if user.blocked_at is None:
            user.block(now)
            tx.users.save(user)
            after = {"blocked": True, "comment": command.comment}
            tx.audit.append(Deed(_admin(command.admin_id), "BlockUser", user.id, {"blocked": False}, after, now))
        end_sessions(tx, user.id, now)
        revoke_keys(tx, user.id, now)
    return user


@dataclass(frozen=True)
class UnblockUser:
    admin_id: str
    user_id: str


def unblock_user(command: UnblockUser, store: Store, clock: Clock) -> User:
    with store.begin() as tx:
        user = existing(tx.users.hold(command.user_id))
        if user.blocked_at is not None:
            user.unblock()
            tx.users.save(user)
            actor, before, after = _admin(command.admin_id), {"blocked": True}, {"blocked": False}
            tx.audit.append(Deed(actor, "UnblockUser", user.id, before, after, clock()))
    return user


@dataclass(frozen=True)
class AssignRoles:
    admin_id: str
    user_id: str
    roles: frozenset[Role]


def assign_roles(command: AssignRoles, store: Store, clock: Clock) -> User:
    _refuse_own(command.admin_id, command.user_id)
    now = clock()
    with store.begin() as tx:
        user = existing(tx.users.hold(command.user_id))
        before = user.roles
        lost = user.assign(command.roles, now)
        if before != user.roles:
            tx.users.save(user)
            tx.audit.append(roles_deed(_admin(command.admin_id), "AssignRoles", user, before, now))
        if lost:
            # Their tokens still tell of the role.
            end_sessions(tx, user.id, now)
            revoke_keys(tx, user.id, now)
    return user


def _admin(user_id: str) -> str:
    return f"user:{user_id}"


def _refuse_own(admin_id: str, user_id: str) -> None:
    """An admin who could lock themselves out could leave a platform without any."""
    if admin_id == user_id:
        raise OwnAccount
