"""The gRPC servicers: message in, command or query out, message back."""

from services.identity.api.administration import AdminUserService, AuditService
from services.identity.api.api_keys import ApiKeyService
from services.identity.api.applications import InstructorApplicationService
from services.identity.api.auth import AuthService
from services.identity.api.credentials import CredentialService
from services.identity.api.keys import KeyService
from services.identity.api.linking import OAuthService
from services.identity.api.personal import ErasureService, PreferenceService
from services.identity.api.profiles import IdentityInternalService, ProfileService
from services.identity.api.second_factors import SecondFactorService
from services.identity.api.sessions import SessionService

__all__ = [
    "AdminUserService",
    "ApiKeyService",
    "AuditService",
    "AuthService",
    "CredentialService",
    "ErasureService",
    "IdentityInternalService",
    "InstructorApplicationService",
    "KeyService",
    "OAuthService",
    "PreferenceService",
    "ProfileService",
    "SecondFactorService",
    "SessionService",
]
