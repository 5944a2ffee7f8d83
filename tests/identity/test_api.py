"""The servicers in a real server, with the real chain, certificates and tokens; codes and reasons asserted."""

from datetime import timedelta

import grpc
import jwt
from campus.identity.v1.auth_service_pb2 import LoginRequest, LogoutRequest, RefreshSessionRequest, RegisterRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.identity_internal_service_pb2 import BatchGetUsersRequest
from campus.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from campus.identity.v1.key_service_pb2 import GetKeySetRequest
from campus.identity.v1.key_service_pb2_grpc import KeyServiceStub
from campus.identity.v1.profile_service_pb2 import ROLE_STUDENT, GetProfileRequest, UpdateProfileRequest, User
from campus.identity.v1.profile_service_pb2_grpc import ProfileServiceStub
from google.protobuf.field_mask_pb2 import FieldMask

from services.kernel.ids import new_id
from tests.harness.serving import Served, refused
from tests.identity.conftest import FakeClock

Code = grpc.StatusCode
ADA = RegisterRequest(email="ada@example.com", password="correct horse", name="Ada", username="ada", request_id="r1")


def registered(identity: Served) -> User:
    return identity.anonymous(AuthServiceStub).Register(ADA)


def test_who_registers_is_told_what_was_kept(identity: Served) -> None:
    user = registered(identity)
    assert (user.email, user.name, user.username) == (ADA.email, "Ada", "ada")
    assert list(user.roles) == [ROLE_STUDENT]
    assert registered(identity) == user


def test_registration_refuses_what_is_taken_and_what_is_malformed(identity: Served) -> None:
    registered(identity)
    auth = identity.anonymous(AuthServiceStub)
    with refused(Code.ALREADY_EXISTS, "EMAIL_TAKEN"):
        auth.Register(RegisterRequest(email="ADA@example.com", password="correct horse", name="B"))
    with refused(Code.ALREADY_EXISTS, "USERNAME_TAKEN"):
        auth.Register(RegisterRequest(email="b@example.com", password="correct horse", name="B", username="ADA"))
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", "request_id"):
        auth.Register(RegisterRequest(email=ADA.email, password="correct horse", name="C", request_id="r1"))
    wrongs = [("email", "no"), ("password", "short"), ("name", "a\0b"), ("username", "a"), ("phone", "0791234567")]
    for field, wrong in wrongs:
        request = RegisterRequest()
        request.CopyFrom(ADA)
        setattr(request, field, wrong)
        with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", field):
            auth.Register(request)


def test_an_account_needs_an_address_or_a_number_and_either_signs_in(identity: Served) -> None:
    auth = identity.anonymous(AuthServiceStub)
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST"):
        auth.Register(RegisterRequest(password="correct horse", name="B"))
    by_phone = RegisterRequest(phone="+41791234567", password="correct horse", name="B")
    user = auth.Register(by_phone)
    assert (user.email, user.phone, user.email_verified) == ("", "+41791234567", False)
    session = auth.Login(LoginRequest(identifier="+41791234567", password="correct horse"))
    assert session.user_id == user.user_id
    with refused(Code.ALREADY_EXISTS, "PHONE_TAKEN"):
        auth.Register(by_phone)
    with refused(Code.INVALID_ARGUMENT, "FIELD_NOT_UPDATABLE", "update_mask"):
        profile = identity.as_user(ProfileServiceStub, user.user_id)
        profile.UpdateProfile(UpdateProfileRequest(update_mask=FieldMask(paths=["phone"])))


def test_a_password_that_everyone_tries_first_is_refused(identity: Served) -> None:
    auth = identity.anonymous(AuthServiceStub)
    for wrong in ("Password1", "b@example.com"):
        with refused(Code.INVALID_ARGUMENT, "PASSWORD_TOO_COMMON", "password"):
            auth.Register(RegisterRequest(email="b@example.com", password=wrong, name="B"))


def test_the_request_id_may_come_as_the_idempotency_key(identity: Served) -> None:
    auth = identity.anonymous(AuthServiceStub, ("idempotency-key", "k1"))
    request = RegisterRequest(email="b@example.com", password="correct horse", name="B")
    assert auth.Register(request) == auth.Register(request)


def test_sign_in_refresh_and_sign_out(identity: Served, clock: FakeClock) -> None:
    user = registered(identity)
    auth = identity.anonymous(AuthServiceStub)
    session = auth.Login(LoginRequest(identifier="ADA", password=ADA.password))
    assert (session.user_id, session.token_type) == (user.user_id, "Bearer")
    renewed = auth.RefreshSession(RefreshSessionRequest(refresh_token=session.refresh_token))
    assert renewed.session_id == session.session_id
    signed_in = identity.with_token(AuthServiceStub, identity.signer.token(user.user_id, sid=session.session_id))
    signed_in.Logout(LogoutRequest())
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        auth.RefreshSession(RefreshSessionRequest(refresh_token=renewed.refresh_token))
    clock.advance(timedelta(days=1))
    with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        auth.Login(LoginRequest(identifier="ada", password="wrong password"))


def test_a_refresh_token_in_two_hands_ends_the_session(identity: Served, clock: FakeClock) -> None:
    registered(identity)
    auth = identity.anonymous(AuthServiceStub)
    session = auth.Login(LoginRequest(identifier="ada", password=ADA.password))
    stolen = RefreshSessionRequest(refresh_token=session.refresh_token)
    auth.RefreshSession(stolen)
    clock.advance(timedelta(minutes=1))
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_REUSED"):
        auth.RefreshSession(stolen)


def test_the_profile_is_the_callers_own_and_changes_by_mask(identity: Served) -> None:
    user = registered(identity)
    profile = identity.as_user(ProfileServiceStub, user.user_id)
    assert profile.GetProfile(GetProfileRequest()) == user
    mask = FieldMask(paths=["name", "username"])
    changed = profile.UpdateProfile(UpdateProfileRequest(name="Ada L.", update_mask=mask, etag=user.etag))
    assert (changed.name, changed.username) == ("Ada L.", "")
    with refused(Code.ABORTED, "STALE_VERSION", "etag"):
        profile.UpdateProfile(UpdateProfileRequest(name="Too late", etag=user.etag))
    with refused(Code.INVALID_ARGUMENT, "FIELD_NOT_UPDATABLE", "update_mask"):
        profile.UpdateProfile(UpdateProfileRequest(update_mask=FieldMask(paths=["email"])))
    with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
        identity.as_user(ProfileServiceStub, new_id()).GetProfile(GetProfileRequest())
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        identity.anonymous(ProfileServiceStub).GetProfile(GetProfileRequest())


def test_the_key_set_verifies_the_tokens(identity: Served) -> None:
    registered(identity)
    session = identity.anonymous(AuthServiceStub).Login(LoginRequest(identifier="ada", password=ADA.password))
    body = identity.anonymous(KeyServiceStub).GetKeySet(GetKeySetRequest())
    assert body.content_type == "application/jwk-set+json"
    key = jwt.PyJWKSet.from_json(body.data.decode()).keys[0]
    header = jwt.get_unverified_header(session.access_token)
    assert (header["kid"], header["typ"]) == (key.key_id, "at+jwt")
    jwt.api_jws.decode(session.access_token, key, algorithms=["EdDSA"])


def test_only_services_get_users_by_id(identity: Served) -> None:
    user = registered(identity)
    request = BatchGetUsersRequest(user_ids=[user.user_id, new_id()])
    found = identity.as_service(IdentityInternalServiceStub, "messaging").BatchGetUsers(request)
    assert [each.user_id for each in found.users] == [user.user_id]
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        identity.as_user(IdentityInternalServiceStub, user.user_id, "admin").BatchGetUsers(request)
