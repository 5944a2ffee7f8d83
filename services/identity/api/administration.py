"""What admins see and do."""

import grpc
from campus.identity.v1 import admin_user_service_pb2 as pb
from campus.identity.v1 import admin_user_service_pb2_grpc, audit_service_pb2_grpc
from campus.identity.v1 import audit_service_pb2 as audit_pb

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.ports import Store
from services.identity.wire import administration as wire
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class AdminUserService(admin_user_service_pb2_grpc.AdminUserServiceServicer):
    def __init__(self, store: Store, rows: Rows, clock: Clock) -> None:
        self._store, self._rows, self._clock = store, rows, clock

    def ListUsers(self, request: pb.ListUsersRequest, context: grpc.ServicerContext) -> pb.ListUsersResponse:
        return wire.accounts(queries.list_users(wire.to_list_users(request), self._rows))

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> pb.Account:
        return wire.account(queries.get_user(queries.GetUser(request.user_id), self._rows))

    def BlockUser(self, request: pb.BlockUserRequest, context: grpc.ServicerContext) -> pb.Account:
        command = commands.BlockUser(principal().user_id, request.user_id, request.comment)
        return wire.account(commands.block_user(command, self._store, self._clock))

    def UnblockUser(self, request: pb.UnblockUserRequest, context: grpc.ServicerContext) -> pb.Account:
        command = commands.UnblockUser(principal().user_id, request.user_id)
        return wire.account(commands.unblock_user(command, self._store, self._clock))

    def AssignRoles(self, request: pb.AssignRolesRequest, context: grpc.ServicerContext) -> pb.Account:
        command = wire.to_assign_roles(principal().user_id, request)
        return wire.account(commands.assign_roles(command, self._store, self._clock))


class AuditService(audit_service_pb2_grpc.AuditServiceServicer):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def SearchAuditLog(
        self, request: audit_pb.SearchAuditLogRequest, context: grpc.ServicerContext
    ) -> audit_pb.SearchAuditLogResponse:
        return wire.entries(queries.search_audit_log(wire.to_search_audit_log(request), self._rows))
