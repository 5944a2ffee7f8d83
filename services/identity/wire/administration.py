"""Accounts as admins see them, and the audit log, between the contract's messages and identity's own types."""

from campus.identity.v1 import admin_user_service_pb2 as admin_pb
from campus.identity.v1 import audit_service_pb2 as audit_pb

from services.identity import commands, queries
from services.identity.domain.user import Role, User
from services.identity.wire.accounts import ROLES, user
from services.identity.wire.times import timestamp
from services.kernel.pages import Page, PageRequest


def role_of(number: int) -> Role:
    """The role of a number that validation has let pass."""
    return next(role for role, known in ROLES.items() if known == number)


def to_list_users(request: admin_pb.ListUsersRequest) -> queries.ListUsers:
    role = str(role_of(request.role)) if request.role else ""
    filters = f"{request.query}\x1f{role}\x1f{request.blocked_only}"
    page = PageRequest(request.page_size, request.page_token, filters)
    return queries.ListUsers(request.query, role, request.blocked_only, page)


def to_assign_roles(admin_id: str, request: admin_pb.AssignRolesRequest) -> commands.AssignRoles:
    roles: frozenset[Role] = frozenset(map(role_of, request.roles))
    return commands.AssignRoles(admin_id, request.user_id, roles)


def account(found: User | queries.AccountRow) -> admin_pb.Account:
    message = admin_pb.Account(user=user(found), blocked=found.blocked_at is not None)
    if found.blocked_at is not None:
        message.blocked_at.CopyFrom(timestamp(found.blocked_at))
    return message


def accounts(page: Page[queries.AccountRow]) -> admin_pb.ListUsersResponse:
    return admin_pb.ListUsersResponse(accounts=map(account, page.rows), next_page_token=page.next_token)


def to_search_audit_log(request: audit_pb.SearchAuditLogRequest) -> queries.SearchAuditLog:
    filters = f"{request.actor}\x1f{request.action}\x1f{request.user_id}"
    page = PageRequest(request.page_size, request.page_token, filters)
    return queries.SearchAuditLog(request.actor, request.action, request.user_id, page)


def entries(page: Page[queries.AuditRow]) -> audit_pb.SearchAuditLogResponse:
    return audit_pb.SearchAuditLogResponse(entries=map(_entry, page.rows), next_page_token=page.next_token)


def _entry(row: queries.AuditRow) -> audit_pb.AuditEntry:
    message = audit_pb.AuditEntry(
        number=row.number,
        done_at=timestamp(row.done_at),
        actor=row.actor,
        action=row.action,
        user_id=row.user_id,
        hash=row.hash,
    )
    message.before.update(dict(row.before))
    message.after.update(dict(row.after))
    return message
