"""Sign-in by another party, against a provider that enforces its side; every case in which somebody could be let in
wrongly is tried."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import grpc
import psycopg
import pytest
from campus.identity.v1 import oauth_service_pb2 as pb
from campus.identity.v1.auth_service_pb2 import RegisterRequest, Session
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.credential_service_pb2 import RequestPasswordResetRequest, ResetPasswordRequest
from campus.identity.v1.credential_service_pb2_grpc import CredentialServiceStub
from campus.identity.v1.oauth_service_pb2_grpc import OAuthServiceStub
from campus.identity.v1.profile_service_pb2 import GetProfileRequest, User
from campus.identity.v1.profile_service_pb2_grpc import ProfileServiceStub

from services.chassis.db import Database
from services.identity import commands
from services.identity.adapters.oidc import Configured, OidcProviders
from services.identity.adapters.postgres import PostgresStore
from services.identity.adapters.sealing import FernetSealer
from services.identity.domain.letter import Subject
from services.identity.domain.linking import FLOW_LIFETIME
from services.kernel.ids import new_id
from tests.deploy.standins.oidc.provider import CLIENT_ID, Provider
from tests.harness.databases import announced
from tests.harness.serving import Served, refused
from tests.identity.conftest import PUBLIC_URL, FakeClock, Mailbox
from tests.identity.test_api_sessions import PASSWORD, register

Code = grpc.StatusCode
ADA = {"email": "ada.lovelace@example.com", "email_verified": True, "name": "Ada Lovelace"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    running = Provider(tmp_path_factory.mktemp("oidc")).start()
    yield running
    running.stop()


@pytest.fixture
def providers(provider: Provider) -> Iterator[OidcProviders]:
    provider.control("DELETE", "/faults")
    known: dict[str, Any] = {"issuer": provider.url, "client_id": CLIENT_ID, "client_secret": provider.secret}
    # The second one is the same party under another name: enough for all that goes by the name.
    found = OidcProviders([Configured(name="google", **known), Configured(name="facebook", **known)], PUBLIC_URL)
    yield found
    found.close()


class Browser:
    """Goes to the provider as somebody and comes back with an answer."""

    def __init__(self, identity: Served, provider: Provider, who: dict[str, Any] | None = None) -> None:
        self.identity, self.provider, self.who = identity, provider, ADA if who is None else who
        self.oauth = identity.anonymous(OAuthServiceStub)

    def begin(self) -> pb.OAuthFlow:
        return self.oauth.StartOAuth(pb.StartOAuthRequest(provider="google"))

    def answer(self, flow: pb.OAuthFlow, who: dict[str, Any] | None = None, **changes: str) -> pb.FinishOAuthRequest:
        body = {"query": flow.authorization_url, "identity": self.who if who is None else who}
        location = self.provider.control("POST", "/authorize", body)["location"]
        told = dict(parse_qsl(urlsplit(location).query))
        return pb.FinishOAuthRequest(**{"provider": "google", "flow_secret": flow.flow_secret, **told, **changes})

    def sign_in(self) -> Session:
        return self.oauth.FinishOAuth(self.answer(self.begin()))


@pytest.fixture
def browser(identity: Served, provider: Provider) -> Browser:
    return Browser(identity, provider)


def profile(identity: Served, session: Session) -> User:
    return identity.as_user(ProfileServiceStub, session.user_id).GetProfile(GetProfileRequest())


def verify(database: Database, email: str) -> None:
    with psycopg.connect(database.writer.url) as connection:
        connection.execute("UPDATE users SET email_verified_at = now() WHERE email = %s", [email])


def register_address(identity: Served, email: str) -> str:
    request = RegisterRequest(email=email, password=PASSWORD, name="Ada", username="ada")
    return identity.anonymous(AuthServiceStub).Register(request).user_id


def test_who_is_new_gets_an_account_and_comes_back_to_it(
    identity: Served, browser: Browser, database: Database
) -> None:
    first, second = browser.sign_in(), browser.sign_in()
    assert first.user_id == second.user_id
    user = profile(identity, first)
    assert (user.email, user.name, user.email_verified) == (ADA["email"], "Ada Lovelace", True)
    assert announced(database) == ["UserRegistered"]


def test_the_provider_s_tokens_are_not_readable_in_the_database(browser: Browser, database: Database) -> None:
    browser.sign_in()
    with psycopg.connect(database.writer.url) as connection:
        row = connection.execute("SELECT access_token, refresh_token FROM user_accounts").fetchone()
    assert row
    assert all(token.startswith("gAAAA") for token in row)


def test_a_cookie_stands_for_the_flow_secret_and_another_browser_s_does_not(identity: Served, browser: Browser) -> None:
    flow = browser.begin()
    _, call = identity.anonymous(OAuthServiceStub).StartOAuth.with_call(pb.StartOAuthRequest(provider="google"))
    cookie = str(dict(call.initial_metadata())["set-cookie"])
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    held = identity.anonymous(OAuthServiceStub, ("cookie", f"other=1; campus_oauth={flow.flow_secret}"))
    held.FinishOAuth(browser.answer(flow, flow_secret=""))
    flow = browser.begin()
    other = identity.anonymous(OAuthServiceStub, ("cookie", cookie.partition(";")[0]))
    with refused(Code.INVALID_ARGUMENT, "OAUTH_FLOW_INVALID"):
        other.FinishOAuth(browser.answer(flow, flow_secret=""))


@pytest.mark.parametrize(
    "change",
    [
        {"state": "A" * 43},
        {"flow_secret": "A" * 43},
        {"flow_secret": ""},
        {"provider": "facebook"},
    ],
)
def test_what_was_not_begun_here_is_not_ended_here(browser: Browser, change: dict[str, str]) -> None:
    with refused(Code.INVALID_ARGUMENT, "OAUTH_FLOW_INVALID"):
        browser.oauth.FinishOAuth(browser.answer(browser.begin(), None, **change))


def test_a_flow_is_good_once_even_for_twenty_at_a_time_and_for_ten_minutes(browser: Browser, clock: FakeClock) -> None:
    answer = browser.answer(browser.begin())

    def finish(_: int) -> str:
        try:
            browser.oauth.FinishOAuth(answer)
        except grpc.RpcError as error:
            return error.code().name if isinstance(error, grpc.Call) else "?"
        return "OK"

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(finish, range(20)))
    assert (outcomes.count("OK"), outcomes.count("INVALID_ARGUMENT")) == (1, 19)
    late = browser.answer(browser.begin())
    clock.advance(FLOW_LIFETIME)
    with refused(Code.INVALID_ARGUMENT, "OAUTH_FLOW_INVALID"):
        browser.oauth.FinishOAuth(late)


def test_who_says_no_is_not_signed_in(browser: Browser, provider: Provider) -> None:
    flow = browser.begin()
    body = {"query": flow.authorization_url, "identity": None}
    told = dict(parse_qsl(urlsplit(provider.control("POST", "/authorize", body)["location"]).query))
    with refused(Code.UNAUTHENTICATED, "OAUTH_DENIED"):
        browser.oauth.FinishOAuth(pb.FinishOAuthRequest(provider="google", flow_secret=flow.flow_secret, **told))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "wrong_nonce"},
        {"kind": "missing_nonce"},
        {"kind": "wrong_issuer", "value": "https://evil.example"},
        {"kind": "wrong_response_issuer", "value": "https://evil.example"},
        {"kind": "wrong_audience", "value": "another-client"},
        {"kind": "expired_id_token"},
        {"kind": "early_id_token"},
        {"kind": "wrong_at_hash"},
        {"kind": "unsigned_id_token"},
        {"kind": "symmetric_id_token"},
        {"kind": "wrong_key"},
        {"kind": "unknown_key"},
        {"kind": "swapped_code", "value": "grace.hopper@university.example"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_what_the_provider_gives_is_checked(
    browser: Browser, provider: Provider, database: Database, fault: dict[str, str]
) -> None:
    provider.fault(**fault)
    with refused(Code.UNAUTHENTICATED, "OAUTH_FAILED"):
        browser.sign_in()
    assert announced(database) == []


@pytest.mark.parametrize("fault", [{"kind": "server_error"}, {"kind": "garbage"}, {"kind": "drop_reply"}])
def test_a_provider_in_trouble_is_said_to_be(browser: Browser, provider: Provider, fault: dict[str, str]) -> None:
    provider.fault(**fault)
    with refused(Code.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        browser.sign_in()


def test_a_key_that_the_provider_announced_is_good_when_it_signs(browser: Browser, provider: Provider) -> None:
    provider.control("POST", "/keys/announce")
    assert browser.sign_in().access_token
    provider.control("POST", "/keys/rotate")
    assert browser.sign_in().access_token


@pytest.mark.parametrize("verified", [False, None])
def test_an_address_that_the_provider_does_not_vouch_for_leads_nowhere(
    identity: Served, provider: Provider, database: Database, verified: bool | None
) -> None:
    email = f"{verified}@example.com".lower()
    register_address(identity, email)
    verify(database, email)
    unsure = Browser(identity, provider, {"email": email, "email_verified": verified, "name": "Mallory"})
    with refused(Code.FAILED_PRECONDITION, "OAUTH_EMAIL_UNVERIFIED"):
        unsure.sign_in()


def test_who_lay_in_wait_with_somebody_elses_address_gains_nothing(
    identity: Served, browser: Browser, provider: Provider
) -> None:
    register_address(identity, str(ADA["email"]))
    with refused(Code.ALREADY_EXISTS, "OAUTH_EMAIL_TAKEN"):
        browser.sign_in()


def test_an_address_proven_on_both_sides_links_the_account(
    identity: Served, browser: Browser, database: Database
) -> None:
    user_id = register_address(identity, str(ADA["email"]))
    verify(database, str(ADA["email"]))
    assert browser.sign_in().user_id == user_id
    mine = identity.as_user(OAuthServiceStub, user_id)
    (link,) = mine.ListLinkedAccounts(pb.ListLinkedAccountsRequest()).accounts
    assert link.provider == "google"
    mine.UnlinkAccount(pb.UnlinkAccountRequest(account_id=link.account_id))
    assert not mine.ListLinkedAccounts(pb.ListLinkedAccountsRequest()).accounts


def test_a_name_that_is_no_address_is_nobodys_username_here(
    identity: Served, provider: Provider, database: Database
) -> None:
    register(identity, "bob")
    verify(database, "bob@example.com")
    provider.fault("claim", claim="email", value="bob")
    with refused(Code.FAILED_PRECONDITION, "OAUTH_EMAIL_UNVERIFIED"):
        Browser(identity, provider).sign_in()


def test_a_person_is_known_by_the_subject_when_the_address_changes_hands(
    identity: Served, browser: Browser, provider: Provider
) -> None:
    who = provider.control("POST", "/identities", {"email": "moves@example.com", "email_verified": True})
    browser.who = {"sub": who["sub"]}
    first = browser.sign_in()
    provider.control("PATCH", f"/identities/{who['sub']}", {"email": "moved@example.com"})
    assert browser.sign_in().user_id == first.user_id
    assert profile(identity, first).email == "moves@example.com"
    # The old address is another person's now, and that person does not get the account... unless it was proven here.
    provider.control("POST", "/identities", {"email": "moves@example.com", "email_verified": True})
    browser.who = {"email": "moves@example.com"}
    with refused(Code.ALREADY_EXISTS, "ACCOUNT_LINKED"):
        browser.sign_in()


def link(identity: Served, provider: Provider, user_id: str, who: dict[str, Any]) -> Callable[[], Session]:
    mine = identity.as_user(OAuthServiceStub, user_id)
    flow = mine.StartLinking(pb.StartLinkingRequest(provider="google", password=PASSWORD))
    going = Browser(identity, provider, who)
    return lambda: going.oauth.FinishOAuth(going.answer(flow))


def test_who_is_signed_in_links_whatever_account_is_theirs_there(identity: Served, provider: Provider) -> None:
    user_id = register(identity)
    grace = {"email": "grace.hopper@university.example", "email_verified": True}
    with refused(Code.INVALID_ARGUMENT, "CURRENT_PASSWORD_WRONG", "password"):
        identity.as_user(OAuthServiceStub, user_id).StartLinking(
            pb.StartLinkingRequest(provider="google", password="guess")
        )
    assert link(identity, provider, user_id, grace)().user_id == user_id
    assert Browser(identity, provider, grace).sign_in().user_id == user_id
    other = register(identity, "bob")
    with refused(Code.ALREADY_EXISTS, "ACCOUNT_LINKED"):
        link(identity, provider, other, grace)()
    with refused(Code.ALREADY_EXISTS, "ACCOUNT_LINKED"):
        link(identity, provider, user_id, ADA)()


def test_who_proves_an_address_by_mail_gets_rid_of_what_another_one_left_in_the_account(
    identity: Served, provider: Provider, database: Database, sealer: FernetSealer, mailbox: Mailbox, clock: FakeClock
) -> None:
    user_id = register_address(identity, "victim@example.com")
    link(identity, provider, user_id, {"email": "mallory@example.com", "email_verified": True})()
    credentials = identity.anonymous(CredentialServiceStub)
    credentials.RequestPasswordReset(RequestPasswordResetRequest(email="victim@example.com"))
    assert commands.deliver_next_letter(PostgresStore(database.writer), sealer, mailbox, clock)
    (token,) = mailbox.tokens(Subject.RESET_PASSWORD)
    credentials.ResetPassword(ResetPasswordRequest(token=token, new_password="battery staple"))
    mallory = Browser(identity, provider, {"email": "mallory@example.com", "email_verified": True})
    assert mallory.sign_in().user_id != user_id


def test_the_last_way_in_is_not_removed_and_nobody_elses_is(identity: Served, browser: Browser) -> None:
    session = browser.sign_in()
    mine = identity.as_user(OAuthServiceStub, session.user_id)
    (only,) = mine.ListLinkedAccounts(pb.ListLinkedAccountsRequest()).accounts
    request = pb.UnlinkAccountRequest(account_id=only.account_id)
    with refused(Code.FAILED_PRECONDITION, "LAST_CREDENTIAL"):
        mine.UnlinkAccount(request)
    theirs = identity.as_user(OAuthServiceStub, register(identity, "bob"))
    for wrong in (request, pb.UnlinkAccountRequest(account_id=new_id())):
        with refused(Code.NOT_FOUND, "LINKED_ACCOUNT_NOT_FOUND"):
            theirs.UnlinkAccount(wrong)


def test_a_provider_that_is_not_configured_is_unknown(identity: Served) -> None:
    oauth = identity.anonymous(OAuthServiceStub)
    with refused(Code.NOT_FOUND, "PROVIDER_UNKNOWN"):
        oauth.StartOAuth(pb.StartOAuthRequest(provider="elsewhere"))
    with refused(Code.NOT_FOUND, "PROVIDER_UNKNOWN"):
        oauth.FinishOAuth(pb.FinishOAuthRequest(provider="elsewhere", code="x", state="A" * 43))
    user_id = register(identity)
    with refused(Code.NOT_FOUND, "PROVIDER_UNKNOWN"):
        identity.as_user(OAuthServiceStub, user_id).StartLinking(
            pb.StartLinkingRequest(provider="elsewhere", password=PASSWORD)
        )
