"""What identity needs from outside, in its own words."""

from collections.abc import Container, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.identity.domain.api_key import ApiKey
from services.identity.domain.application import InstructorApplication
from services.identity.domain.audit import Deed
from services.identity.domain.erasure import Erasure
from services.identity.domain.letter import Letter, MailToken, Subject
from services.identity.domain.linking import Flow, LinkedAccount, Vouched
from services.identity.domain.preferences import Preferences
from services.identity.domain.second_factor import Totp
from services.identity.domain.session import Session
from services.identity.domain.throttle import Limit
from services.identity.domain.user import User
from services.kernel.requests import RequestLog


class Users(Protocol):
    def get(self, user_id: str) -> User | None: ...

    def hold(self, user_id: str) -> User | None:
        """Like `get`, and nobody else changes this user until the transaction ends."""
        ...

    def by_identifier(self, identifier: str) -> User | None:
        """The user with this e-mail address, phone number or username, compared as `folded` says."""
        ...

    def add(self, user: User) -> None:
        """Raises EmailTaken, PhoneTaken or UsernameTaken."""
        ...

    def save(self, user: User) -> None:
        """Raises StaleVersion when someone wrote since `user` was read, UsernameTaken and PhoneTaken."""
        ...


class Sessions(Protocol):
    def get(self, session_id: str) -> Session | None: ...

    def hold_living(self, user_id: str) -> list[Session]:
        """The user's sessions that have not been ended; nobody else changes them until the transaction ends."""
        ...

    def by_refresh_hash(self, token_hash: str) -> tuple[Session, int] | None:
        """The session that the token with this hash belongs to, and the token's generation."""
        ...

    def add(self, session: Session, token_hash: str) -> None: ...

    def save(self, session: Session, new_token_hash: str | None = None) -> None:
        """Raises StaleVersion. `new_token_hash` belongs to the session's present generation."""
        ...


class Devices(Protocol):
    """Devices on which somebody signed in, by the hash of the token that each of them keeps."""

    def belongs(self, token_hash: str, user_id: str) -> bool: ...

    def remember(self, token_hash: str, user_id: str, now: datetime) -> None: ...


class Attempts(Protocol):
    """How often things were tried in their window. A window starts with the first try."""

    def count(self, limit: Limit, now: datetime) -> tuple[int, datetime]:
        """Counts one more try; how many that makes, and when the window ends. Exact under concurrency."""
        ...

    def uncount(self, limit: Limit) -> None:
        """Takes one try back: it turned out well."""
        ...

    def clear(self, limit: Limit) -> None: ...


class MailTokens(Protocol):
    def issue(self, token: MailToken) -> None:
        """Replaces the user's older token for the same subject; one that was issued before changes nothing."""
        ...

    def take(self, token_hash: str, subject: Subject, now: datetime) -> MailToken | None:
        """Uses the token up: of all that ask, one ever gets it."""
        ...


class Letters(Protocol):
    def add(self, letter: Letter) -> None: ...

    def lease(self, now: datetime) -> Letter | None:
        """A letter that is due, with this attempt counted; nobody else gets it until the lease is over."""
        ...

    def remove(self, letter_id: str) -> None: ...


class Applications(Protocol):
    def get(self, application_id: str) -> InstructorApplication | None: ...

    def of_user(self, user_id: str) -> InstructorApplication | None: ...

    def add(self, application: InstructorApplication) -> None:
        """Raises ApplicationPending when the user has one already."""
        ...

    def save(self, application: InstructorApplication) -> None:
        """Raises StaleVersion."""
        ...


class PreferencesStore(Protocol):
    def of_user(self, user_id: str) -> Preferences:
        """The usual ones, of version 0, when the user has none. Hold the user before you change them."""
        ...

    def save(self, preferences: Preferences) -> None: ...


class Erasures(Protocol):
    def get(self, erasure_id: str) -> Erasure | None: ...

    def add(self, erasure: Erasure) -> None: ...

    def confirm(self, erasure_id: str, service: str, now: datetime) -> None:
        """Keeps the first receipt of a service."""
        ...

    def forget(self, user_id: str) -> None:
        """Removes what identity holds of a user besides the account: devices, links, preferences, application."""
        ...


class Flows(Protocol):
    def add(self, flow: Flow) -> None: ...

    def take(self, state_hash: str) -> Flow | None:
        """Uses the flow up: of all that ask, one ever gets it."""
        ...


class LinkedAccounts(Protocol):
    def by_subject(self, provider: str, subject: str) -> LinkedAccount | None: ...

    def of_user(self, user_id: str) -> list[LinkedAccount]: ...

    def add(self, account: LinkedAccount) -> None:
        """Raises AccountLinked when the subject, or the user at this provider, is linked already."""
        ...

    def keep_tokens(self, account: LinkedAccount) -> None: ...

    def remove(self, account_id: str) -> None: ...


class SecondFactors(Protocol):
    def get(self, user_id: str) -> Totp | None: ...

    def begin(self, totp: Totp) -> None:
        """Replaces one that was never confirmed."""
        ...

    def confirm(self, user_id: str, code_hashes: Sequence[str], now: datetime) -> None: ...

    def use_step(self, user_id: str, step: int) -> bool:
        """Whether nobody used this step or a later one before: true once."""
        ...

    def use_recovery_code(self, user_id: str, code_hash: str) -> bool:
        """Whether there was such a code: true once."""
        ...

    def remove(self, user_id: str) -> None: ...


class ApiKeys(Protocol):
    def hold(self, api_key_id: str) -> ApiKey | None:
        """Nobody else changes this key until the transaction ends."""
        ...

    def by_hash(self, key_hash: str) -> ApiKey | None: ...

    def hold_living(self, user_id: str) -> list[ApiKey]: ...

    def add(self, api_key: ApiKey, key_hash: str) -> None: ...

    def save(self, api_key: ApiKey) -> None:
        """Raises StaleVersion."""
        ...


class AuditLog(Protocol):
    def append(self, deed: Deed) -> None:
        """Puts the deed at the end of the chain; one after the other, without a gap."""
        ...


class Tx(Protocol):
    @property
    def users(self) -> Users: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def devices(self) -> Devices: ...

    @property
    def attempts(self) -> Attempts: ...

    @property
    def mail_tokens(self) -> MailTokens: ...

    @property
    def letters(self) -> Letters: ...

    @property
    def applications(self) -> Applications: ...

    @property
    def preferences(self) -> PreferencesStore: ...

    @property
    def erasures(self) -> Erasures: ...

    @property
    def flows(self) -> Flows: ...

    @property
    def linked(self) -> LinkedAccounts: ...

    @property
    def second_factors(self) -> SecondFactors: ...

    @property
    def api_keys(self) -> ApiKeys: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def requests(self) -> RequestLog: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Tx]:
        """One transaction: commits at the end of the block, leaves no trace when it raises."""
        ...


class PasswordHasher(Protocol):
    """Slow on purpose, and bounded: raises Overloaded rather than let logins take every thread."""

    def hash(self, password: str) -> str: ...

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Takes as long without a hash as with one, so that time doesn't tell who has an account."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        ...


# The passwords that others try first, in lower case.
CommonPasswords = Container[str]


class Sealer(Protocol):
    """Encrypts what must be readable here again, and nowhere else."""

    def seal(self, text: str) -> str: ...

    def open(self, sealed: str) -> str: ...


class Post(Protocol):
    """Sends mails about accounts. Repeating a letter's id sends nothing more."""

    def send(self, letter_id: str, user_id: str, subject: Subject, token: str) -> None:
        """Raises DependencyUnavailable when it makes sense to try again, Refused when it doesn't."""
        ...


class OneTimeCodes(Protocol):
    """The codes that an application shows, from a secret that it shares with us."""

    def new_secret(self) -> tuple[str, str]:
        """The secret, for the user to see once, and sealed, to be kept."""
        ...

    def uri(self, secret: str, account: str) -> str: ...

    def step_of(self, sealed: str, code: str, now: datetime) -> int | None:
        """The step whose code this is, among those that are good now."""
        ...


class Provider(Protocol):
    """Another party that says who somebody is."""

    def authorization_url(self, state: str, nonce: str, challenge: str) -> str: ...

    def vouch(self, code: str, verifier: str, nonce: str, issuer: str) -> Vouched:
        """Redeems the code, and checks what comes: signature, issuer, audience, time, nonce. Raises OauthFailed, and
        DependencyUnavailable when the provider does not answer."""
        ...


class Providers(Protocol):
    def named(self, name: str) -> Provider:
        """Raises ProviderUnknown."""
        ...


@dataclass(frozen=True)
class AccessToken:
    token: str
    expires_at: datetime


class TokenIssuer(Protocol):
    def access_token(self, user: User, session: Session, now: datetime) -> AccessToken: ...

    def api_key_token(self, user: User, api_key: ApiKey, now: datetime) -> AccessToken:
        """Carries those of the user's roles that are scopes of the key."""
        ...

    def first_refresh_token(self) -> str: ...

    def next_refresh_tokens(self, token: str) -> list[str]:
        """The successor of a refresh token: the same for everyone who asks, so that a lost reply can be repeated
        without keeping any token. It comes first; the others are what it was, or will be, by another signing key."""
        ...

    def key_set(self) -> bytes:
        """The public keys as a JSON Web Key Set."""
        ...
