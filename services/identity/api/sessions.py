"""A user's sessions, shown and ended."""

import grpc
from campus.identity.v1 import session_service_pb2 as pb
from campus.identity.v1 import session_service_pb2_grpc

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.ports import Store
from services.identity.wire import sessions
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class SessionService(session_service_pb2_grpc.SessionServiceServicer):
    def __init__(self, store: Store, rows: Rows, clock: Clock) -> None:
        self._store, self._rows, self._clock = store, rows, clock

    def ListSessions(self, request: pb.ListSessionsRequest, context: grpc.ServicerContext) -> pb.ListSessionsResponse:
        who = principal()
        query = sessions.to_list_sessions(who.user_id, request)
        return sessions.sessions(queries.list_sessions(query, self._rows, self._clock), who.session_id)

    def RevokeSession(
        self, request: pb.RevokeSessionRequest, context: grpc.ServicerContext
    ) -> pb.RevokeSessionResponse:
        command = commands.RevokeSession(principal().user_id, request.session_id)
        commands.revoke_session(command, self._store, self._clock)
        return pb.RevokeSessionResponse()

    def RevokeOtherSessions(
        self, request: pb.RevokeOtherSessionsRequest, context: grpc.ServicerContext
    ) -> pb.RevokeOtherSessionsResponse:
        who = principal()
        command = commands.RevokeOtherSessions(who.user_id, who.session_id)
        return pb.RevokeOtherSessionsResponse(
            ended_count=commands.revoke_other_sessions(command, self._store, self._clock)
        )
