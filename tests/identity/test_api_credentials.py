"""Passwords and addresses over the wire: changed, forgotten, proven."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from campus.identity.v1 import credential_service_pb2 as pb
from campus.identity.v1.auth_service_pb2 import LoginRequest, RefreshSessionRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.credential_service_pb2_grpc import CredentialServiceStub
from campus.identity.v1.profile_service_pb2 import GetProfileRequest
from campus.identity.v1.profile_service_pb2_grpc import ProfileServiceStub

from services.chassis.db import Database
from services.identity import commands
from services.identity.adapters.postgres import PostgresStore
from services.identity.adapters.sealing import FernetSealer
from services.identity.domain.letter import LINK_LIFETIME, Subject
from services.identity.domain.throttle import IDENTIFIER_LIMIT, MAIL_LIMIT
from services.kernel.errors import DependencyUnavailable
from tests.harness.serving import Served, refused
from tests.identity.conftest import FakeClock, Mailbox
from tests.identity.test_api_sessions import PASSWORD, login, register

Code = grpc.StatusCode
NEW = "battery staple"


@pytest.fixture
def deliver(
    database: Database, sealer: FernetSealer, mailbox: Mailbox, clock: FakeClock, identity: Served
) -> Callable[[], int]:
    """Sends all letters that are due; how many there were."""
    store = PostgresStore(database.writer)

    def all_of_them() -> int:
        count = 0
        while commands.deliver_next_letter(store, sealer, mailbox, clock):
            count += 1
        return count

    return all_of_them


def asked_for(identity: Served, deliver: Callable[[], int], mailbox: Mailbox) -> str:
    request = pb.RequestPasswordResetRequest(email="Ada@example.com")
    identity.anonymous(CredentialServiceStub).RequestPasswordReset(request)
    deliver()
    return mailbox.tokens(Subject.RESET_PASSWORD)[-1]


def test_a_changed_password_ends_the_other_sessions_and_is_told_by_mail(
    identity: Served, deliver: Callable[[], int], mailbox: Mailbox
) -> None:
    user_id = register(identity)
    other, own = login(identity), login(identity)
    credentials = identity.with_token(CredentialServiceStub, identity.signer.token(user_id, sid=own.session_id))
    change = pb.ChangePasswordRequest(current_password=PASSWORD, new_password=NEW)
    assert credentials.ChangePassword(change).ended_sessions == 1
    auth = identity.anonymous(AuthServiceStub)
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        auth.RefreshSession(RefreshSessionRequest(refresh_token=other.refresh_token))
    auth.RefreshSession(RefreshSessionRequest(refresh_token=own.refresh_token))
    with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        login(identity)
    auth.Login(LoginRequest(identifier="ada", password=NEW))
    deliver()
    assert [about for _, about, _ in mailbox.letters.values()] == [Subject.PASSWORD_CHANGED]


def test_a_password_is_changed_only_by_who_knows_it(identity: Served) -> None:
    credentials = identity.as_user(CredentialServiceStub, register(identity))
    with refused(Code.INVALID_ARGUMENT, "PASSWORD_TOO_COMMON", "new_password"):
        credentials.ChangePassword(pb.ChangePasswordRequest(current_password=PASSWORD, new_password="password1"))
    wrong = pb.ChangePasswordRequest(current_password="guess", new_password=NEW)
    for _ in range(IDENTIFIER_LIMIT):
        with refused(Code.INVALID_ARGUMENT, "CURRENT_PASSWORD_WRONG", "current_password"):
            credentials.ChangePassword(wrong)
    with refused(Code.RESOURCE_EXHAUSTED, "LOGIN_THROTTLED"):
        credentials.ChangePassword(pb.ChangePasswordRequest(current_password=PASSWORD, new_password=NEW))
    login(identity)


def test_a_forgotten_password_is_set_anew_by_mail(
    identity: Served, deliver: Callable[[], int], mailbox: Mailbox
) -> None:
    user_id = register(identity)
    session = login(identity)
    token = asked_for(identity, deliver, mailbox)
    credentials = identity.anonymous(CredentialServiceStub)
    with refused(Code.INVALID_ARGUMENT, "PASSWORD_TOO_COMMON", "new_password"):
        credentials.ResetPassword(pb.ResetPasswordRequest(token=token, new_password="password1"))
    # The refusal left the link as it was.
    credentials.ResetPassword(pb.ResetPasswordRequest(token=token, new_password=NEW))
    auth = identity.anonymous(AuthServiceStub)
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        auth.RefreshSession(RefreshSessionRequest(refresh_token=session.refresh_token))
    auth.Login(LoginRequest(identifier="ada", password=NEW))
    assert identity.as_user(ProfileServiceStub, user_id).GetProfile(GetProfileRequest()).email_verified


def test_of_fifty_who_use_a_link_at_once_one_succeeds(
    identity: Served, deliver: Callable[[], int], mailbox: Mailbox
) -> None:
    register(identity)
    token = asked_for(identity, deliver, mailbox)
    credentials = identity.anonymous(CredentialServiceStub)

    def use(number: int) -> str:
        # More come than the hashing takes at once: those are told to come again, and do.
        while True:
            try:
                credentials.ResetPassword(pb.ResetPasswordRequest(token=token, new_password=f"{NEW} {number}"))
            except grpc.RpcError as error:
                code = error.code() if isinstance(error, grpc.Call) else Code.UNKNOWN
                if code is Code.RESOURCE_EXHAUSTED:
                    continue
                return code.name
            return "OK"

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(use, range(50)))
    assert (answers.count("OK"), answers.count("INVALID_ARGUMENT")) == (1, 49)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=-1)])
def test_a_link_lasts_half_an_hour(
    identity: Served, deliver: Callable[[], int], mailbox: Mailbox, clock: FakeClock, late: timedelta
) -> None:
    register(identity)
    request = pb.ResetPasswordRequest(token=asked_for(identity, deliver, mailbox), new_password=NEW)
    clock.advance(LINK_LIFETIME + late)
    credentials = identity.anonymous(CredentialServiceStub)
    if late:
        credentials.ResetPassword(request)
        return
    with refused(Code.INVALID_ARGUMENT, "MAIL_TOKEN_INVALID", "token"):
        credentials.ResetPassword(request)


def test_a_newer_link_replaces_the_one_before_and_none_does_another_ones_work(
    identity: Served, deliver: Callable[[], int], mailbox: Mailbox, clock: FakeClock
) -> None:
    user_id = register(identity)
    older = asked_for(identity, deliver, mailbox)
    clock.advance(timedelta(seconds=1))
    newer = asked_for(identity, deliver, mailbox)
    identity.as_user(CredentialServiceStub, user_id).RequestEmailVerification(pb.RequestEmailVerificationRequest())
    deliver()
    (proof,) = mailbox.tokens(Subject.VERIFY_EMAIL)
    credentials = identity.anonymous(CredentialServiceStub)
    for wrong in (older, proof):
        with refused(Code.INVALID_ARGUMENT, "MAIL_TOKEN_INVALID", "token"):
            credentials.ResetPassword(pb.ResetPasswordRequest(token=wrong, new_password=NEW))
    with refused(Code.INVALID_ARGUMENT, "MAIL_TOKEN_INVALID", "token"):
        credentials.ConfirmEmail(pb.ConfirmEmailRequest(token=newer))
    credentials.ResetPassword(pb.ResetPasswordRequest(token=newer, new_password=NEW))


def test_an_address_is_proven_once(identity: Served, deliver: Callable[[], int], mailbox: Mailbox) -> None:
    user_id = register(identity)
    mine, anyone = identity.as_user(CredentialServiceStub, user_id), identity.anonymous(CredentialServiceStub)
    mine.RequestEmailVerification(pb.RequestEmailVerificationRequest())
    deliver()
    (token,) = mailbox.tokens(Subject.VERIFY_EMAIL)
    profile = identity.as_user(ProfileServiceStub, user_id)
    assert not profile.GetProfile(GetProfileRequest()).email_verified
    anyone.ConfirmEmail(pb.ConfirmEmailRequest(token=token))
    assert profile.GetProfile(GetProfileRequest()).email_verified
    with refused(Code.INVALID_ARGUMENT, "MAIL_TOKEN_INVALID", "token"):
        anyone.ConfirmEmail(pb.ConfirmEmailRequest(token=token))
    mine.RequestEmailVerification(pb.RequestEmailVerificationRequest())
    assert deliver() == 0


def test_an_unknown_address_gets_the_same_answer_and_no_mail(
    identity: Served, deliver: Callable[[], int], mailbox: Mailbox
) -> None:
    request = pb.RequestPasswordResetRequest(email="nobody@example.com")
    assert identity.anonymous(CredentialServiceStub).RequestPasswordReset(request) == pb.RequestPasswordResetResponse()
    assert deliver() == 1
    assert mailbox.letters == {}


def test_nobody_floods_a_mailbox(identity: Served, deliver: Callable[[], int]) -> None:
    register(identity)
    credentials = identity.anonymous(CredentialServiceStub)
    for _ in range(MAIL_LIMIT + 3):
        credentials.RequestPasswordReset(pb.RequestPasswordResetRequest(email="ada@example.com"))
    assert deliver() == MAIL_LIMIT


def test_a_letter_that_could_not_be_sent_is_sent_later_with_the_same_token(
    identity: Served, deliver: Callable[[], int], mailbox: Mailbox, clock: FakeClock
) -> None:
    register(identity)
    identity.anonymous(CredentialServiceStub).RequestPasswordReset(
        pb.RequestPasswordResetRequest(email="ada@example.com")
    )
    mailbox.trouble = DependencyUnavailable()
    with pytest.raises(DependencyUnavailable):
        deliver()
    mailbox.trouble = None
    assert deliver() == 0
    clock.advance(timedelta(minutes=2))
    assert deliver() == 1
    request = pb.ResetPasswordRequest(token=mailbox.tokens(Subject.RESET_PASSWORD)[0], new_password=NEW)
    identity.anonymous(CredentialServiceStub).ResetPassword(request)


def test_links_and_addresses_of_letters_are_not_readable_in_the_database(identity: Served, database: Database) -> None:
    identity.anonymous(CredentialServiceStub).RequestPasswordReset(
        pb.RequestPasswordResetRequest(email="ada@example.com")
    )
    with PostgresStore(database.writer).begin() as tx:
        letter = tx.letters.lease(FakeClock()())
    assert letter
    assert "ada" not in letter.sealed
