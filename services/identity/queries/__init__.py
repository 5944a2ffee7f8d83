"""The read side: one frozen dataclass and one function per query."""

from services.identity.queries.administration import AccountRow, GetUser, ListUsers, get_user, list_users
from services.identity.queries.api_keys import ApiKeyRow, ListApiKeys, list_api_keys
from services.identity.queries.applications import (
    ApplicationRow,
    GetInstructorApplication,
    GetMyInstructorApplication,
    ListInstructorApplications,
    get_instructor_application,
    get_my_instructor_application,
    list_instructor_applications,
)
from services.identity.queries.audit import AuditRow, CheckAuditLog, SearchAuditLog, check_audit_log, search_audit_log
from services.identity.queries.keyset import GetKeySet, get_key_set
from services.identity.queries.linking import LinkedAccountRow, ListLinkedAccounts, list_linked_accounts
from services.identity.queries.personal import (
    ErasureView,
    GetErasure,
    GetPreferences,
    PreferencesRow,
    ReceiptRow,
    get_erasure,
    get_preferences,
)
from services.identity.queries.second_factors import GetSecondFactor, SecondFactorRow, get_second_factor
from services.identity.queries.sessions import ListSessions, SessionRow, list_sessions
from services.identity.queries.users import BatchGetUsers, GetProfile, UserRow, batch_get_users, get_profile

__all__ = [
    "AccountRow",
    "ApiKeyRow",
    "ApplicationRow",
    "AuditRow",
    "BatchGetUsers",
    "CheckAuditLog",
    "ErasureView",
    "GetErasure",
    "GetInstructorApplication",
    "GetKeySet",
    "GetMyInstructorApplication",
    "GetPreferences",
    "GetProfile",
    "GetSecondFactor",
    "GetUser",
    "LinkedAccountRow",
    "ListApiKeys",
    "ListInstructorApplications",
    "ListLinkedAccounts",
    "ListSessions",
    "ListUsers",
    "PreferencesRow",
    "ReceiptRow",
    "SearchAuditLog",
    "SecondFactorRow",
    "SessionRow",
    "UserRow",
    "batch_get_users",
    "check_audit_log",
    "get_erasure",
    "get_instructor_application",
    "get_key_set",
    "get_my_instructor_application",
    "get_preferences",
    "get_profile",
    "get_second_factor",
    "get_user",
    "list_api_keys",
    "list_instructor_applications",
    "list_linked_accounts",
    "list_sessions",
    "list_users",
    "search_audit_log",
]
