"""Sessions between the contract's messages and identity's own types."""

from campus.identity.v1 import auth_service_pb2, session_service_pb2

from services.identity import commands, queries
from services.identity.wire.times import timestamp
from services.kernel.pages import Page, PageRequest


def session(opened: commands.OpenSession) -> auth_service_pb2.Session:
    return auth_service_pb2.Session(
        session_id=opened.session.id,
        user_id=opened.session.user_id,
        access_token=opened.access.token,
        token_type="Bearer",  # noqa: S106  # the scheme's name
        access_expires_at=timestamp(opened.access.expires_at),
        refresh_token=opened.refresh_token,
        refresh_expires_at=timestamp(opened.session.expires_at),
        device_token=opened.device_token,
    )


def to_list_sessions(user_id: str, request: session_service_pb2.ListSessionsRequest) -> queries.ListSessions:
    return queries.ListSessions(user_id, PageRequest(request.page_size, request.page_token, user_id))


def sessions(page: Page[queries.SessionRow], current: str) -> session_service_pb2.ListSessionsResponse:
    listed = [
        session_service_pb2.DeviceSession(
            session_id=row.id,
            device=row.device,
            started_at=timestamp(row.started_at),
            last_used_at=timestamp(row.refreshed_at),
            current=row.id == current,
        )
        for row in page.rows
    ]
    return session_service_pb2.ListSessionsResponse(sessions=listed, next_page_token=page.next_token)
