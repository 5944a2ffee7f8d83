"""What identity refuses, by name; errors.proto says what each means to a caller."""

from services.kernel.errors import CampusError, Kind


class IdentityError(CampusError):
    domain = "campus.identity"


class EmailTaken(IdentityError):
    kind = Kind.ALREADY_EXISTS
    message = "an account with this e-mail address exists"


class UsernameTaken(IdentityError):
    kind = Kind.ALREADY_EXISTS
    message = "an account with this username exists"


class CredentialsInvalid(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "identifier and password don't belong together"


class RefreshTokenInvalid(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "the refresh token is unknown or its time is over: sign in again"


class RefreshTokenReused(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "the refresh token was used before and the session has been ended: sign in again"


class UserNotFound(IdentityError):
    kind = Kind.NOT_FOUND
    message = "there is no such user"


class FieldNotUpdatable(IdentityError):
    kind = Kind.INVALID
    message = "the mask names a field that can't be changed here"


class PhoneTaken(IdentityError):
    kind = Kind.ALREADY_EXISTS
    message = "an account with this phone number exists"


class SessionNotFound(IdentityError):
    kind = Kind.NOT_FOUND
    message = "there is no such session"


class PasswordTooCommon(IdentityError):
    kind = Kind.INVALID
    message = "this password is among the first that others try: choose another one"


class CurrentPasswordWrong(IdentityError):
    kind = Kind.INVALID
    message = "the password so far is another one"


class MailTokenInvalid(IdentityError):
    kind = Kind.INVALID
    message = "the link is unknown, used, replaced by a newer one, or too old: ask for another one"


class LoginThrottled(IdentityError):
    kind = Kind.EXHAUSTED
    message = "too many wrong passwords: try again later, or on a device that signed in before"


class UserBlocked(IdentityError):
    kind = Kind.FORBIDDEN
    message = "this account was blocked"


class OwnAccount(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "nobody does this to their own account"


class ApplicationNotFound(IdentityError):
    kind = Kind.NOT_FOUND
    message = "there is no such application"


class ApplicationPending(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "the application waits for a decision"


class ApplicationNotPending(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "the application was decided"


class AlreadyInstructor(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "the user is an instructor"


class TooMuchEvidence(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "an application holds no more evidence than this"


class TimeZoneUnknown(IdentityError):
    kind = Kind.INVALID
    message = "there is no time zone of this name"


class ErasureNotFound(IdentityError):
    kind = Kind.NOT_FOUND
    message = "there is no such erasure"


class ProviderUnknown(IdentityError):
    kind = Kind.NOT_FOUND
    message = "no provider of this name is configured"


class OauthFlowInvalid(IdentityError):
    kind = Kind.INVALID
    message = "this sign-in was not begun here, was ended before, or took too long: begin anew"


class OauthDenied(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "the user said no at the provider"


class OauthFailed(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "the provider did not give what it should, or what it gave does not hold"


class OauthEmailUnverified(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "the provider does not vouch for the e-mail address"


class OauthEmailTaken(IdentityError):
    kind = Kind.ALREADY_EXISTS
    message = "an account has this address, but its user never proved it: reset its password by mail first"


class AccountLinked(IdentityError):
    kind = Kind.ALREADY_EXISTS
    message = "the account at the provider or the user is linked to another one"


class LinkedAccountNotFound(IdentityError):
    kind = Kind.NOT_FOUND
    message = "there is no such link"


class LastCredential(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "without it nobody could sign in: set a password first"


class SecondFactorRequired(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "the password was right: send a code of the second factor as well"


class SecondFactorWrong(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "the code is not the present one, or was used before"


class SecondFactorNotStarted(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "the account has no second factor"


class SecondFactorEnabled(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "the account has a second factor: remove it first"


class ApiKeyNotFound(IdentityError):
    kind = Kind.NOT_FOUND
    message = "there is no such key"


class ApiKeyInvalid(IdentityError):
    kind = Kind.UNAUTHENTICATED
    message = "the key is unknown or was revoked"


class ScopeNotHeld(IdentityError):
    kind = Kind.INVALID
    message = "a scope is a role that the user doesn't hold"


class TooManyApiKeys(IdentityError):
    kind = Kind.FAILED_PRECONDITION
    message = "a user has no more keys than this"
