"""What an account allows."""

from datetime import UTC, datetime

import pytest

from services.identity.domain.errors import FieldNotUpdatable
from services.identity.domain.user import ProfileUpdated, Role, User, UserRegistered, folded
from services.kernel.errors import StaleVersion

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def user(name: str = "Ada") -> User:
    return User.register("u1", email="ada@example.com", username="ada", name=name, password_hash="h", now=NOW)


def test_who_registers_is_a_student_and_it_is_announced() -> None:
    new = user()
    assert new.roles == {Role.STUDENT}
    assert new.take_events() == [UserRegistered(user_id="u1")]


def test_names_are_kept_composed_and_without_space_around() -> None:
    assert user("  Ame\u0301lie ").name == "Am\u00e9lie"


def test_a_profile_changes_only_where_it_may() -> None:
    changed = user()
    changed.take_events()
    changed.update_profile({"name": "Ada Lovelace", "username": ""}, "", NOW)
    assert (changed.name, changed.username) == ("Ada Lovelace", "")
    assert changed.take_events() == [ProfileUpdated(user_id="u1")]
    for wrong in ({"email": "x@example.com"}, {"name": " "}):
        with pytest.raises(FieldNotUpdatable):
            changed.update_profile(wrong, "", NOW)


def test_an_old_etag_is_refused() -> None:
    with pytest.raises(StaleVersion):
        user().update_profile({"name": "Ada L."}, "7", NOW)


def test_identifiers_are_compared_without_case_and_compatibility_forms() -> None:
    assert folded("ADA@Example.com") == folded("ada@example.COM")
    assert folded("\uff21da") == folded("ada")
