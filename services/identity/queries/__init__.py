"""The read side: one frozen dataclass and one function per query."""

from services.identity.queries.keyset import GetKeySet, get_key_set
from services.identity.queries.sessions import ListSessions, SessionRow, list_sessions
from services.identity.queries.users import BatchGetUsers, GetProfile, UserRow, batch_get_users, get_profile

__all__ = [
    "BatchGetUsers",
    "GetKeySet",
    "GetProfile",
    "ListSessions",
    "SessionRow",
    "UserRow",
    "batch_get_users",
    "get_key_set",
    "get_profile",
    "list_sessions",
]
