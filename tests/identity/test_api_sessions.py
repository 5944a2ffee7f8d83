"""Sessions and sign-in over the wire: what is listed, ended, and refused."""

from concurrent.futures import ThreadPoolExecutor

import grpc
from campus.identity.v1.auth_service_pb2 import LoginRequest, RefreshSessionRequest, RegisterRequest, Session
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.session_service_pb2 import (
    ListSessionsRequest,
    RevokeOtherSessionsRequest,
    RevokeSessionRequest,
)
from campus.identity.v1.session_service_pb2_grpc import SessionServiceStub

from services.chassis.db import Database
from services.identity.domain.throttle import ADDRESS_LIMIT, IDENTIFIER_LIMIT, WINDOW
from services.kernel.ids import new_id
from tests.harness.databases import announced
from tests.harness.serving import Served, refused
from tests.identity.conftest import FakeClock

Code = grpc.StatusCode
PASSWORD = "correct horse"
FIREFOX = ("user-agent", "Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0")


def register(identity: Served, name: str = "ada") -> str:
    request = RegisterRequest(email=f"{name}@example.com", password=PASSWORD, name=name, username=name)
    return identity.anonymous(AuthServiceStub).Register(request).user_id


def login(identity: Served, name: str = "ada", *metadata: tuple[str, str], **fields: str) -> Session:
    request = LoginRequest(identifier=name, password=PASSWORD, **fields)
    return identity.anonymous(AuthServiceStub, *metadata).Login(request)


def sessions_of(identity: Served, session: Session) -> SessionServiceStub:
    token = identity.signer.token(session.user_id, sid=session.session_id)
    return identity.with_token(SessionServiceStub, token)


def test_users_see_where_they_are_signed_in_and_nobody_else_does(identity: Served) -> None:
    register(identity)
    register(identity, "bob")
    first, second, other = login(identity, "ada"), login(identity, "ada", FIREFOX), login(identity, "bob")
    listed = sessions_of(identity, second).ListSessions(ListSessionsRequest()).sessions
    assert [each.session_id for each in listed] == [second.session_id, first.session_id]
    assert [each.current for each in listed] == [True, False]
    # grpc puts the client's own name first and its library's behind it; the browser's is what a gateway forwards.
    assert all(each.device for each in listed)
    page = sessions_of(identity, second).ListSessions(ListSessionsRequest(page_size=1))
    rest = ListSessionsRequest(page_size=1, page_token=page.next_page_token)
    assert [each.session_id for each in sessions_of(identity, second).ListSessions(rest).sessions] == [first.session_id]
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token"):
        sessions_of(identity, other).ListSessions(rest)


def test_an_ended_session_is_neither_refreshed_nor_listed(identity: Served, database: Database) -> None:
    register(identity)
    first, second = login(identity), login(identity)
    for _ in range(2):
        sessions_of(identity, second).RevokeSession(RevokeSessionRequest(session_id=first.session_id))
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        identity.anonymous(AuthServiceStub).RefreshSession(RefreshSessionRequest(refresh_token=first.refresh_token))
    listed = sessions_of(identity, second).ListSessions(ListSessionsRequest()).sessions
    assert [each.session_id for each in listed] == [second.session_id]
    assert announced(database).count("SessionRevoked") == 1


def test_someone_elses_session_is_answered_like_none(identity: Served) -> None:
    register(identity)
    register(identity, "bob")
    ada, bob = login(identity), login(identity, "bob")
    for session_id in (bob.session_id, new_id()):
        with refused(Code.NOT_FOUND, "SESSION_NOT_FOUND"):
            sessions_of(identity, ada).RevokeSession(RevokeSessionRequest(session_id=session_id))
    identity.anonymous(AuthServiceStub).RefreshSession(RefreshSessionRequest(refresh_token=bob.refresh_token))


def test_all_sessions_but_the_own_end_together(identity: Served) -> None:
    register(identity)
    others, own = [login(identity) for _ in range(2)], login(identity)
    ended = sessions_of(identity, own).RevokeOtherSessions(RevokeOtherSessionsRequest())
    assert ended.ended_count == 2
    auth = identity.anonymous(AuthServiceStub)
    for session in others:
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            auth.RefreshSession(RefreshSessionRequest(refresh_token=session.refresh_token))
    auth.RefreshSession(RefreshSessionRequest(refresh_token=own.refresh_token))


def test_guessing_is_stopped_and_a_known_device_still_gets_in(identity: Served, clock: FakeClock) -> None:
    register(identity)
    known = login(identity)
    auth = identity.anonymous(AuthServiceStub)

    def guess(number: int) -> str:
        try:
            auth.Login(LoginRequest(identifier="ADA", password=f"guess {number}"))
        except grpc.RpcError as error:
            return error.code().name if isinstance(error, grpc.Call) else "?"
        return "OK"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(60)))
    assert answers.count("UNAUTHENTICATED") == IDENTIFIER_LIMIT
    assert answers.count("RESOURCE_EXHAUSTED") == 60 - IDENTIFIER_LIMIT
    with refused(Code.RESOURCE_EXHAUSTED, "LOGIN_THROTTLED"):
        login(identity)
    assert login(identity, device_token=known.device_token).device_token == known.device_token
    # An account that nobody has is throttled alike.
    nobody = LoginRequest(identifier="nobody", password="guess")
    for _ in range(IDENTIFIER_LIMIT):
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
            auth.Login(nobody)
    with refused(Code.RESOURCE_EXHAUSTED, "LOGIN_THROTTLED"):
        auth.Login(nobody)
    clock.advance(WINDOW)
    login(identity)


def test_someone_elses_device_is_not_a_known_one(identity: Served) -> None:
    register(identity)
    register(identity, "bob")
    bob = login(identity, "bob")
    auth = identity.anonymous(AuthServiceStub)
    for _ in range(IDENTIFIER_LIMIT):
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
            auth.Login(LoginRequest(identifier="ada", password="guess"))
    with refused(Code.RESOURCE_EXHAUSTED, "LOGIN_THROTTLED"):
        login(identity, device_token=bob.device_token)


def test_one_address_may_not_try_account_after_account(identity: Served) -> None:
    register(identity)
    here, spoofed = ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-for", "198.51.100.1,192.0.2.7")
    for number in range(ADDRESS_LIMIT):
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
            auth = identity.anonymous(AuthServiceStub, here)
            auth.Login(LoginRequest(identifier=f"nobody-{number}", password="guess"))
    for place in (here, spoofed):
        with refused(Code.RESOURCE_EXHAUSTED, "LOGIN_THROTTLED"):
            login(identity, "ada", place)
    login(identity, "ada", ("x-forwarded-for", "192.0.2.8"))


def test_good_sign_ins_from_one_address_are_not_counted(identity: Served) -> None:
    register(identity)
    here = ("x-forwarded-for", "192.0.2.9")
    auth = identity.anonymous(AuthServiceStub, here)
    for _ in range(ADDRESS_LIMIT + 1):
        assert auth.Login(LoginRequest(identifier="ada", password=PASSWORD)).access_token
