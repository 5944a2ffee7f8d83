"""identity put together for tests: both stores, a quick hasher, a clock that stands still."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.chassis.db import Database
from services.identity import api, commands, queries
from services.identity.adapters.memory import MemoryStore
from services.identity.adapters.oidc import OidcProviders
from services.identity.adapters.passwords import Argon2Hasher
from services.identity.adapters.postgres import PostgresStore
from services.identity.adapters.sealing import FernetSealer
from services.identity.adapters.tokens import JwtIssuer
from services.identity.adapters.totp import TotpCodes
from services.identity.domain.letter import Subject
from services.identity.ports import Store
from services.kernel.errors import CampusError
from tests.harness.databases import migrated
from tests.harness.serving import Served, served

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


class QuickHasher:
    """Keeps the promise of the port without taking its time."""

    def hash(self, password: str) -> str:
        return f"hashed:{password[::-1]}"

    def matches(self, password: str, password_hash: str | None) -> bool:
        return password_hash == self.hash(password)

    def is_outdated(self, password_hash: str) -> bool:
        return not password_hash.startswith("hashed:")


class Mailbox:
    """Keeps the promise of the post: a letter's id is sent once. May be told to be out of order."""

    def __init__(self) -> None:
        self.letters: dict[str, tuple[str, Subject, str]] = {}
        self.trouble: CampusError | None = None

    def send(self, letter_id: str, user_id: str, subject: Subject, token: str) -> None:
        if self.trouble:
            raise self.trouble
        self.letters.setdefault(letter_id, (user_id, subject, token))

    def tokens(self, subject: Subject) -> list[str]:
        return [token for _, about, token in self.letters.values() if about is subject]


PUBLIC_URL = "http://localhost:8080"
COMMON = frozenset({"password1", "12345678"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hasher() -> QuickHasher:
    return QuickHasher()


@pytest.fixture
def issuer() -> JwtIssuer:
    return JwtIssuer(Ed25519PrivateKey.generate(), "https://campus", "campus")


@pytest.fixture
def sealer() -> FernetSealer:
    return FernetSealer(Fernet.generate_key())


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    with migrated(postgres, "identity") as found:
        yield found


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(request.getfixturevalue("database").writer)


@pytest.fixture
def providers() -> OidcProviders:
    """None; the tests of sign-in by others put real ones in their place."""
    return OidcProviders([], PUBLIC_URL)


@pytest.fixture
def identity(
    database: Database,
    pki: Pki,
    issuer: JwtIssuer,
    clock: FakeClock,
    sealer: FernetSealer,
    providers: OidcProviders,
) -> Iterator[Served]:
    """All of identity's servicers on PostgreSQL, in a real server."""
    store, hasher, codes = PostgresStore(database.writer), Argon2Hasher(), TotpCodes(sealer)
    servicers = [
        api.AuthService(store, hasher, COMMON, codes, issuer, clock),
        api.SecondFactorService(store, database.reader, hasher, codes, clock),
        api.ApiKeyService(store, database.reader, hasher, issuer, clock),
        api.SessionService(store, database.reader, clock),
        api.CredentialService(store, hasher, COMMON, sealer, clock),
        api.AdminUserService(store, database.reader, clock),
        api.InstructorApplicationService(store, database.reader, clock),
        api.AuditService(database.reader),
        api.PreferenceService(store, database.reader),
        api.ErasureService(store, database.reader, hasher, clock),
        api.OAuthService(store, database.reader, hasher, providers, sealer, issuer, clock, PUBLIC_URL),
        api.ProfileService(store, database.reader, clock),
        api.KeyService(issuer),
        api.IdentityInternalService(store, database.reader, clock),
    ]
    with served(servicers, commands, queries, pki) as found:
        yield found
