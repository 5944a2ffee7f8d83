"""How long a session holds, and what a refresh token is good for."""

from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain.errors import RefreshTokenInvalid
from services.identity.domain.session import (
    ABSOLUTE_LIFETIME,
    ACCESS_LIFETIME,
    IDLE_LIFETIME,
    REFRESH_GRACE,
    Refreshed,
    Session,
    SessionRevoked,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_newest_token_rotates() -> None:
    session = Session.start("s1", "u1", NOW)
    assert session.refresh(1, NOW) is Refreshed.ROTATED
    assert session.generation == 2


def test_a_repeated_call_within_the_grace_changes_nothing() -> None:
    session = Session.start("s1", "u1", NOW)
    session.refresh(1, NOW)
    assert session.refresh(1, NOW + REFRESH_GRACE) is Refreshed.REPEATED
    assert session.generation == 2


@pytest.mark.parametrize("late", [REFRESH_GRACE + timedelta(seconds=1), timedelta(days=2)])
def test_a_used_token_that_comes_back_later_ends_the_session(late: timedelta) -> None:
    session = Session.start("s1", "u1", NOW)
    session.refresh(1, NOW)
    assert session.refresh(1, NOW + late) is Refreshed.REVOKED
    until = NOW + late + ACCESS_LIFETIME
    assert session.take_events() == [SessionRevoked(session_id="s1", user_id="u1", tokens_expire_at=until)]
    with pytest.raises(RefreshTokenInvalid):
        session.refresh(2, NOW + late)


def test_a_token_two_generations_old_ends_the_session_even_within_the_grace() -> None:
    session = Session.start("s1", "u1", NOW)
    session.refresh(1, NOW)
    session.refresh(2, NOW)
    assert session.refresh(1, NOW) is Refreshed.REVOKED


def test_a_session_ends_when_it_is_idle_too_long_and_in_any_case_after_its_absolute_lifetime() -> None:
    session = Session.start("s1", "u1", NOW)
    with pytest.raises(RefreshTokenInvalid):
        session.refresh(1, NOW + IDLE_LIFETIME)
    moment, generation = NOW, 1
    while moment + timedelta(days=20) < NOW + ABSOLUTE_LIFETIME:
        moment += timedelta(days=20)
        assert session.refresh(generation, moment) is Refreshed.ROTATED
        generation += 1
    assert session.expires_at == NOW + ABSOLUTE_LIFETIME


def test_ending_a_session_twice_is_announced_once() -> None:
    session = Session.start("s1", "u1", NOW)
    session.revoke(NOW)
    session.revoke(NOW + timedelta(minutes=1))
    assert len(session.take_events()) == 1
