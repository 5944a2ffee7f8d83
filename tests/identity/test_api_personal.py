"""What users decide about themselves, over the wire: preferences, and the end of their account."""

from collections.abc import Callable

import grpc
import psycopg
from campus.identity.v1 import preference_service_pb2 as pb
from campus.identity.v1.auth_service_pb2 import LoginRequest, RefreshSessionRequest, RegisterRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.erasure_service_pb2 import DeleteProfileRequest, GetErasureRequest
from campus.identity.v1.erasure_service_pb2_grpc import ErasureServiceStub
from campus.identity.v1.identity_internal_service_pb2 import BatchGetUsersRequest, ConfirmErasureRequest
from campus.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from campus.identity.v1.preference_service_pb2_grpc import PreferenceServiceStub

from services.chassis.db import Database
from services.identity.domain.erasure import SERVICES
from services.kernel.ids import new_id
from tests.harness.databases import announced
from tests.harness.serving import Served, refused
from tests.identity.test_api_administration import ROOT
from tests.identity.test_api_applications import submit
from tests.identity.test_api_sessions import PASSWORD, login, register

Code = grpc.StatusCode
USUAL = pb.Preferences(language="en", time_zone="UTC", email_notifications=True, in_app_notifications=True)


def test_preferences_are_usual_until_they_are_changed_one_by_one(identity: Served, database: Database) -> None:
    mine = identity.as_user(PreferenceServiceStub, register(identity))
    assert mine.GetPreferences(pb.GetPreferencesRequest()) == USUAL
    changed = mine.UpdatePreferences(pb.UpdatePreferencesRequest(language="de-CH", email_notifications=False))
    assert (changed.language, changed.time_zone, changed.email_notifications) == ("de-CH", "UTC", False)
    changed = mine.UpdatePreferences(pb.UpdatePreferencesRequest(time_zone="Europe/Zurich"))
    assert (changed.language, changed.time_zone, changed.email_notifications) == ("de-CH", "Europe/Zurich", False)
    assert mine.GetPreferences(pb.GetPreferencesRequest()) == changed
    assert announced(database) == ["UserRegistered", "PreferencesUpdated", "PreferencesUpdated"]


def test_preferences_that_mean_nothing_are_refused(identity: Served) -> None:
    mine = identity.as_user(PreferenceServiceStub, register(identity))
    for zone in ("Mars/Olympus", "../etc/passwd", "Europe"):
        with refused(Code.INVALID_ARGUMENT, "TIME_ZONE_UNKNOWN" if ".." not in zone else "INVALID_REQUEST"):
            mine.UpdatePreferences(pb.UpdatePreferencesRequest(time_zone=zone))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "language"):
        mine.UpdatePreferences(pb.UpdatePreferencesRequest(language="?"))
    nobody = identity.as_user(PreferenceServiceStub, new_id())
    calls: list[Callable[[], object]] = [
        lambda: nobody.GetPreferences(pb.GetPreferencesRequest()),
        lambda: nobody.UpdatePreferences(pb.UpdatePreferencesRequest(language="de")),
    ]
    for call in calls:
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            call()


def test_a_deleted_account_leaves_nothing_that_tells_who_it_was(identity: Served, database: Database) -> None:
    ada = register(identity, "adaveryown")
    submit(identity, ada)
    identity.as_user(PreferenceServiceStub, ada).UpdatePreferences(pb.UpdatePreferencesRequest(language="de"))
    session = login(identity, "adaveryown")
    mine = identity.as_user(ErasureServiceStub, ada)
    with refused(Code.INVALID_ARGUMENT, "CURRENT_PASSWORD_WRONG", "password"):
        mine.DeleteProfile(DeleteProfileRequest(password="guess"))
    erasure = mine.DeleteProfile(DeleteProfileRequest(password=PASSWORD))
    assert ([each.service for each in erasure.receipts], erasure.complete) == (["identity"], False)
    auth = identity.anonymous(AuthServiceStub)
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        auth.RefreshSession(RefreshSessionRequest(refresh_token=session.refresh_token))
    for password in (PASSWORD, "nobody has this password"):
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
            auth.Login(LoginRequest(identifier="adaveryown", password=password))
    with refused(Code.INVALID_ARGUMENT, "CURRENT_PASSWORD_WRONG"):
        mine.DeleteProfile(DeleteProfileRequest(password=PASSWORD))
    found = identity.as_service(IdentityInternalServiceStub, "messaging").BatchGetUsers(
        BatchGetUsersRequest(user_ids=[ada])
    )
    assert (found.users[0].email, found.users[0].name) == ("", "Deleted user")
    assert announced(database)[-1] == "UserErasureRequested"
    with psycopg.connect(database.writer.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = connection.execute(f'SELECT t::text FROM "{table}" t'.encode()).fetchall()
            assert not any("adaveryown" in row or "Algebra" in row for (row,) in rows), table
    auth.Register(RegisterRequest(email="adaveryown@example.com", password=PASSWORD, name="Ada"))


def test_an_erasure_is_complete_when_every_service_has_sent_its_receipt(identity: Served) -> None:
    ada = register(identity)
    erasure = identity.as_user(ErasureServiceStub, ada).DeleteProfile(DeleteProfileRequest(password=PASSWORD))
    admin = identity.as_user(ErasureServiceStub, ROOT, "admin")
    request = GetErasureRequest(erasure_id=erasure.erasure_id)
    for number, service in enumerate(sorted(SERVICES - {"identity"})):
        assert not admin.GetErasure(request).complete
        internal = identity.as_service(IdentityInternalServiceStub, service)
        for _ in range(2):
            internal.ConfirmErasure(ConfirmErasureRequest(erasure_id=erasure.erasure_id))
        assert len(admin.GetErasure(request).receipts) == number + 2
    assert admin.GetErasure(request).complete
    with refused(Code.NOT_FOUND, "ERASURE_NOT_FOUND"):
        internal.ConfirmErasure(ConfirmErasureRequest(erasure_id=new_id()))
    with refused(Code.NOT_FOUND, "ERASURE_NOT_FOUND"):
        admin.GetErasure(GetErasureRequest(erasure_id=new_id()))
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        identity.as_user(ErasureServiceStub, ada).GetErasure(request)
