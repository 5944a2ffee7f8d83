"""The gRPC servicers: message in, command or query out, message back."""

from services.identity.api.auth import AuthService
from services.identity.api.credentials import CredentialService
from services.identity.api.keys import KeyService
from services.identity.api.profiles import IdentityInternalService, ProfileService
from services.identity.api.sessions import SessionService

__all__ = [
    "AuthService",
    "CredentialService",
    "IdentityInternalService",
    "KeyService",
    "ProfileService",
    "SessionService",
]
