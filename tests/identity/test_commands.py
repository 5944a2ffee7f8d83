"""The write side on memory adapters and a clock that stands still."""

from datetime import timedelta

import jwt
import pytest
from cryptography.fernet import Fernet

from services.identity import commands
from services.identity.adapters.memory import MemoryStore
from services.identity.adapters.sealing import FernetSealer
from services.identity.adapters.tokens import JwtIssuer
from services.identity.adapters.totp import TotpCodes
from services.identity.domain.errors import CredentialsInvalid, RefreshTokenInvalid, RefreshTokenReused, UserNotFound
from services.identity.domain.secret import secret_hash
from services.identity.domain.session import REFRESH_GRACE
from services.identity.domain.user import Role, User
from services.kernel.errors import RequestIdReused
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey
from tests.identity.conftest import COMMON, FakeClock, QuickHasher

NO_CODES = TotpCodes(FernetSealer(Fernet.generate_key()))


class Identity:
    def __init__(self, store: MemoryStore, hasher: QuickHasher, issuer: JwtIssuer, clock: FakeClock) -> None:
        self.store, self.hasher, self.issuer, self.clock = store, hasher, issuer, clock

    def register(self, request_id: str = "", name: str = "Ada", email: str = "ada@example.com") -> User:
        key = RequestKey("ada", "Register", request_id, name.encode())
        command = commands.Register(email, name, "", key, "correct horse")
        return commands.register(command, self.store, self.hasher, COMMON, self.clock)

    def login(self, password: str = "correct horse", identifier: str = "ADA@example.com") -> commands.OpenSession:
        command = commands.Login(identifier, password)
        return commands.login(command, self.store, self.hasher, NO_CODES, self.issuer, self.clock)

    def refresh(self, token: str) -> commands.OpenSession:
        return commands.refresh_session(commands.RefreshSession(token), self.store, self.issuer, self.clock)


@pytest.fixture
def identity(memory: MemoryStore, hasher: QuickHasher, issuer: JwtIssuer, clock: FakeClock) -> Identity:
    return Identity(memory, hasher, issuer, clock)


def test_registering_again_with_the_same_request_id_answers_with_the_same_account(identity: Identity) -> None:
    assert identity.register("r1").id == identity.register("r1").id
    with pytest.raises(RequestIdReused):
        identity.register("r1", name="Somebody else")
    assert len(identity.store.state.announced) == 1


def test_signing_in_gives_a_token_that_says_who_and_until_when(identity: Identity) -> None:
    user = identity.register()
    opened = identity.login()
    key = jwt.PyJWKSet.from_json(identity.issuer.key_set().decode()).keys[0]
    claims = jwt.decode(
        opened.access.token,
        key,
        algorithms=["EdDSA"],
        audience="campus",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["sub"], claims["sid"], claims["roles"]) == (user.id, opened.session.id, ["student"])
    assert claims["exp"] - claims["iat"] == 600
    assert len(opened.access.token) < 1536


@pytest.mark.parametrize(("password", "identifier"), [("wrong", "ada@example.com"), ("correct horse", "nobody")])
def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(
    identity: Identity, password: str, identifier: str
) -> None:
    identity.register()
    with pytest.raises(CredentialsInvalid) as refusal:
        identity.login(password, identifier)
    assert str(refusal.value) == CredentialsInvalid.message
    assert identity.store.state.sessions == {}


def test_a_refresh_token_is_exchanged_once_and_its_successor_works(identity: Identity) -> None:
    identity.register()
    first = identity.login()
    second = identity.refresh(first.refresh_token)
    third = identity.refresh(second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert first.session.id == third.session.id


def test_a_lost_reply_can_be_asked_for_again(identity: Identity) -> None:
    identity.register()
    first = identity.login()
    lost = identity.refresh(first.refresh_token)
    identity.clock.advance(REFRESH_GRACE)
    assert identity.refresh(first.refresh_token).refresh_token == lost.refresh_token


def test_a_stolen_refresh_token_ends_the_session_for_both(identity: Identity) -> None:
    identity.register()
    first = identity.login()
    second = identity.refresh(first.refresh_token)
    identity.clock.advance(REFRESH_GRACE + timedelta(seconds=1))
    with pytest.raises(RefreshTokenReused):
        identity.refresh(first.refresh_token)
    with pytest.raises(RefreshTokenInvalid):
        identity.refresh(second.refresh_token)
    assert [type(event).__name__ for event in identity.store.state.announced] == ["UserRegistered", "SessionRevoked"]


def test_a_made_up_refresh_token_is_refused_and_ends_nothing(identity: Identity) -> None:
    identity.register()
    opened = identity.login()
    with pytest.raises(RefreshTokenInvalid):
        identity.refresh(identity.issuer.first_refresh_token())
    assert identity.refresh(opened.refresh_token).session.revoked_at is None


def test_signing_out_ends_the_session_once(identity: Identity) -> None:
    identity.register()
    opened = identity.login()
    for _ in range(2):
        commands.logout(commands.Logout(opened.session.id), identity.store, identity.clock)
    with pytest.raises(RefreshTokenInvalid):
        identity.refresh(opened.refresh_token)
    assert len(identity.store.state.announced) == 2


def test_refresh_tokens_are_kept_as_hashes_only(identity: Identity) -> None:
    identity.register()
    opened = identity.login()
    assert opened.refresh_token not in identity.store.state.tokens
    assert secret_hash(opened.refresh_token) in identity.store.state.tokens


def test_a_profile_is_changed_and_an_unknown_user_is_refused(identity: Identity) -> None:
    user = identity.register()
    changed = commands.update_profile(
        commands.UpdateProfile(user.id, {"name": "Ada Lovelace"}), identity.store, identity.clock
    )
    assert changed.name == "Ada Lovelace"
    assert changed.etag != user.etag
    with pytest.raises(UserNotFound):
        commands.update_profile(commands.UpdateProfile(new_id(), {"name": "X"}), identity.store, identity.clock)


def test_an_operator_grants_a_role_once(identity: Identity) -> None:
    identity.register()
    grant = commands.GrantRole("ada@example.com", Role.ADMIN)
    for _ in range(2):
        user = commands.grant_role(grant, identity.store, identity.clock)
    assert user.roles == {Role.STUDENT, Role.ADMIN}
    assert len(identity.store.state.announced) == 2


def test_a_password_hashed_by_older_parameters_is_hashed_anew_when_it_is_used(identity: Identity) -> None:
    class OlderHasher(QuickHasher):
        def hash(self, password: str) -> str:
            return f"older:{password[::-1]}"

    class MovedOn(QuickHasher):
        def matches(self, password: str, password_hash: str | None) -> bool:
            return OlderHasher().matches(password, password_hash) or super().matches(password, password_hash)

    identity.hasher = OlderHasher()
    user = identity.register()
    identity.hasher = MovedOn()
    with pytest.raises(CredentialsInvalid):
        identity.login("wrong")
    assert identity.store.state.users[user.id].password_hash.startswith("older:")
    identity.login()
    assert identity.store.state.users[user.id].password_hash == QuickHasher().hash("correct horse")
    identity.login()
