"""The protocols by which sign-in is attacked, in their short form: many at once, lost replies, and a stop-watch."""

import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from campus.identity.v1.auth_service_pb2 import LoginRequest, RefreshSessionRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.credential_service_pb2 import RequestPasswordResetRequest
from campus.identity.v1.credential_service_pb2_grpc import CredentialServiceStub

from services.identity.domain.session import REFRESH_GRACE
from tests.harness.serving import Served, refused
from tests.identity.conftest import FakeClock
from tests.identity.test_api_sessions import login, register

Code = grpc.StatusCode
SAMPLES = 150


def test_fifty_uses_of_one_refresh_token_at_once_lead_to_one_successor(identity: Served, clock: FakeClock) -> None:
    register(identity)
    auth = identity.anonymous(AuthServiceStub)
    for _ in range(5):
        token = login(identity).refresh_token

        def use(_: int, token: str = token) -> str:
            return auth.RefreshSession(RefreshSessionRequest(refresh_token=token)).refresh_token

        with ThreadPoolExecutor(50) as pool:
            (successor,) = set(pool.map(use, range(50)))
        renewed = auth.RefreshSession(RefreshSessionRequest(refresh_token=successor))
        clock.advance(REFRESH_GRACE + timedelta(seconds=1))
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_REUSED"):
            use(0)
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            auth.RefreshSession(RefreshSessionRequest(refresh_token=renewed.refresh_token))


def test_a_client_whose_replies_get_lost_is_never_signed_out(identity: Served, clock: FakeClock) -> None:
    register(identity)
    auth, chance = identity.anonymous(AuthServiceStub), random.Random(7)  # noqa: S311  # which replies are lost
    token, lost = login(identity).refresh_token, 0
    for _ in range(100):
        answer = auth.RefreshSession(RefreshSessionRequest(refresh_token=token))
        while chance.random() < 0.3:
            lost += 1
            clock.advance(timedelta(seconds=1))
            answer = auth.RefreshSession(RefreshSessionRequest(refresh_token=token))
        token = answer.refresh_token
        clock.advance(timedelta(minutes=9))
    assert lost > 20


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    try:
        call()
    except grpc.RpcError as error:
        must_be_wrong_credentials(error)
    return time.perf_counter() - start


def must_be_wrong_credentials(error: grpc.RpcError) -> None:
    assert isinstance(error, grpc.Call)
    assert error.code() is Code.UNAUTHENTICATED, error.details()


def told_apart(first: list[float], second: list[float]) -> float:
    """How well the time alone tells the two apart: 0.5 not at all, 1 always (area under the ROC curve)."""
    wins = sum((a > b) + 0.5 * (a == b) for a in first for b in second)
    share = wins / (len(first) * len(second))
    return max(share, 1 - share)


def test_time_does_not_tell_who_has_an_account(identity: Served, clock: FakeClock) -> None:
    register(identity)
    auth, credentials = identity.anonymous(AuthServiceStub), identity.anonymous(CredentialServiceStub)

    def sign_in(name: str) -> Callable[[], object]:
        return lambda: auth.Login(LoginRequest(identifier=name, password="guess"))

    def forget(name: str) -> Callable[[], object]:
        request = RequestPasswordResetRequest(email=f"{name}@example.com")
        return lambda: credentials.RequestPasswordReset(request)

    for ask in (sign_in, forget):
        known: list[float] = []
        unknown: list[float] = []
        for _ in range(SAMPLES):
            # A new window each time, so that nothing is throttled.
            clock.advance(timedelta(hours=2))
            known.append(timed(ask("ada")))
            unknown.append(timed(ask("bob")))
        assert told_apart(known, unknown) < 0.62
        assert abs(statistics.median(known) - statistics.median(unknown)) < 0.002


def test_the_stop_watch_would_notice_a_difference() -> None:
    noise = random.Random(1)  # noqa: S311  # noise
    quick = [noise.gauss(20, 1) for _ in range(SAMPLES)]
    slow = [noise.gauss(21, 1) for _ in range(SAMPLES)]
    assert told_apart(quick, slow) > 0.62
    assert told_apart(quick, [noise.gauss(20, 1) for _ in range(SAMPLES)]) == pytest.approx(0.5, abs=0.1)
