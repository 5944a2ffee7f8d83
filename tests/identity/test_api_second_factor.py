"""A second factor over the wire: begun, wanted at sign-in, used once, removed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import psycopg
import pyotp
import pytest
from campus.identity.v1 import second_factor_service_pb2 as pb
from campus.identity.v1.auth_service_pb2 import LoginRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.second_factor_service_pb2_grpc import SecondFactorServiceStub

from services.chassis.db import Database
from services.identity.domain.throttle import CODE_LIMIT, WINDOW
from tests.harness.serving import Served, refused
from tests.identity.conftest import FakeClock
from tests.identity.test_api_sessions import PASSWORD, login, register

Code = grpc.StatusCode
STEP = timedelta(seconds=30)


class Application:
    """What the user holds: an application that shows codes, and paper with recovery codes."""

    def __init__(self, identity: Served, clock: FakeClock) -> None:
        self.clock = clock
        self.user_id = register(identity)
        self.factor = identity.as_user(SecondFactorServiceStub, self.user_id)
        begun = self.factor.StartTotp(pb.StartTotpRequest(password=PASSWORD))
        assert begun.secret in begun.uri
        self.totp = pyotp.TOTP(begun.secret)
        confirmed = self.factor.ConfirmTotp(pb.ConfirmTotpRequest(code=self.code))
        self.recovery = list(confirmed.recovery_codes)
        clock.advance(STEP)

    @property
    def code(self) -> str:
        return self.totp.at(self.clock())


@pytest.fixture
def application(identity: Served, clock: FakeClock) -> Application:
    return Application(identity, clock)


def test_sign_in_wants_a_code_and_takes_each_once(identity: Served, application: Application) -> None:
    with refused(Code.UNAUTHENTICATED, "SECOND_FACTOR_REQUIRED"):
        login(identity)
    with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        identity.anonymous(AuthServiceStub).Login(
            LoginRequest(identifier="ada", password="guess", second_factor_code=application.code)
        )
    used = application.code
    login(identity, second_factor_code=used)
    with refused(Code.UNAUTHENTICATED, "SECOND_FACTOR_WRONG"):
        login(identity, second_factor_code=used)
    application.clock.advance(STEP)
    late = application.code
    application.clock.advance(STEP)
    login(identity, second_factor_code=late)
    application.clock.advance(3 * STEP)
    with refused(Code.UNAUTHENTICATED, "SECOND_FACTOR_WRONG"):
        login(identity, second_factor_code=late)


def test_of_ten_who_read_a_code_over_the_shoulder_one_gets_in(identity: Served, application: Application) -> None:
    known = login(identity, second_factor_code=application.recovery[0]).device_token
    code = application.code

    def use(_: int) -> str:
        try:
            login(identity, device_token=known, second_factor_code=code)
        except grpc.RpcError as error:
            return error.code().name if isinstance(error, grpc.Call) else "?"
        return "OK"

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(use, range(5))).count("OK") == 1


def test_a_recovery_code_stands_for_the_application_once(identity: Served, application: Application) -> None:
    assert len(set(application.recovery)) == 10
    login(identity, second_factor_code=application.recovery[0])
    with refused(Code.UNAUTHENTICATED, "SECOND_FACTOR_WRONG"):
        login(identity, second_factor_code=application.recovery[0])
    state = application.factor.GetSecondFactor(pb.GetSecondFactorRequest())
    assert (state.enabled, state.recovery_codes_left) == (True, 9)


def test_codes_are_not_guessed_not_even_with_the_password(
    identity: Served, application: Application, clock: FakeClock
) -> None:
    wrong = f"{(int(application.code) + 1) % 1_000_000:06}"
    for _ in range(CODE_LIMIT):
        with refused(Code.UNAUTHENTICATED, "SECOND_FACTOR_WRONG"):
            login(identity, second_factor_code=wrong)
    with refused(Code.RESOURCE_EXHAUSTED, "LOGIN_THROTTLED"):
        login(identity, second_factor_code=application.code)
    clock.advance(WINDOW)
    login(identity, second_factor_code=application.code)


def test_a_factor_counts_when_it_is_confirmed(identity: Served, clock: FakeClock) -> None:
    factor = identity.as_user(SecondFactorServiceStub, register(identity))
    with refused(Code.FAILED_PRECONDITION, "SECOND_FACTOR_NOT_STARTED"):
        factor.ConfirmTotp(pb.ConfirmTotpRequest(code="123456"))
    with refused(Code.INVALID_ARGUMENT, "CURRENT_PASSWORD_WRONG", "password"):
        factor.StartTotp(pb.StartTotpRequest(password="guess"))
    older, newer = (factor.StartTotp(pb.StartTotpRequest(password=PASSWORD)) for _ in range(2))
    login(identity)
    with refused(Code.UNAUTHENTICATED, "SECOND_FACTOR_WRONG"):
        factor.ConfirmTotp(pb.ConfirmTotpRequest(code=pyotp.TOTP(older.secret).at(clock())))
    assert not factor.GetSecondFactor(pb.GetSecondFactorRequest()).enabled
    factor.ConfirmTotp(pb.ConfirmTotpRequest(code=pyotp.TOTP(newer.secret).at(clock())))
    with refused(Code.FAILED_PRECONDITION, "SECOND_FACTOR_ENABLED"):
        factor.StartTotp(pb.StartTotpRequest(password=PASSWORD))
    with refused(Code.FAILED_PRECONDITION, "SECOND_FACTOR_ENABLED"):
        factor.ConfirmTotp(pb.ConfirmTotpRequest(code="123456"))


def test_a_factor_is_removed_by_who_has_it(identity: Served, application: Application) -> None:
    with refused(Code.UNAUTHENTICATED, "SECOND_FACTOR_WRONG"):
        application.factor.RemoveTotp(pb.RemoveTotpRequest(password=PASSWORD, code="A" * 16))
    with refused(Code.INVALID_ARGUMENT, "CURRENT_PASSWORD_WRONG"):
        application.factor.RemoveTotp(pb.RemoveTotpRequest(password="guess", code=application.code))
    application.factor.RemoveTotp(pb.RemoveTotpRequest(password=PASSWORD, code=application.code))
    login(identity)
    with refused(Code.FAILED_PRECONDITION, "SECOND_FACTOR_NOT_STARTED"):
        application.factor.RemoveTotp(pb.RemoveTotpRequest(password=PASSWORD, code=application.recovery[0]))


def test_neither_secret_nor_recovery_codes_are_readable_in_the_database(
    application: Application, database: Database
) -> None:
    with psycopg.connect(database.writer.url) as connection:
        kept = str(connection.execute("SELECT t::text FROM totps t").fetchall())
        kept += str(connection.execute("SELECT t::text FROM recovery_codes t").fetchall())
    assert application.totp.secret not in kept
    assert not any(code in kept for code in application.recovery)
