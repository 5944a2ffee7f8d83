"""The signing key is replaced: nobody is refused before their time, and a dropped key is good for nothing."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.access import REFETCH_SECONDS, KeySet, Revocations, Tokens
from services.chassis.errors import TokenInvalid
from services.identity import commands
from services.identity.adapters.memory import MemoryStore
from services.identity.adapters.tokens import JwtIssuer
from services.identity.domain.errors import RefreshTokenInvalid
from services.identity.domain.secret import secret_hash
from services.identity.domain.session import Session
from services.identity.ports import TokenIssuer
from services.kernel.clock import system_clock
from services.kernel.ids import new_id
from tests.identity.conftest import FakeClock
from tests.identity.test_store import add, user

OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def issuing(key: Ed25519PrivateKey, *published: Ed25519PrivateKey) -> JwtIssuer:
    return JwtIssuer(key, "https://campus", "campus", published)


STAGES = [issuing(OLD), issuing(OLD, NEW), issuing(NEW, OLD), issuing(NEW)]


class Verifying:
    """A service that checks tokens by the keys of whichever stage identity is in."""

    def __init__(self) -> None:
        self.stage, self.fetched, self.now = STAGES[0], 0, 0.0
        self.tokens = Tokens(KeySet(self._fetch, lambda: self.now), "https://campus", "campus", Revocations())

    def _fetch(self) -> bytes:
        self.fetched += 1
        return self.stage.key_set()

    def accepts(self, issuer: JwtIssuer) -> bool:
        ada, now = user(), system_clock()
        token = issuer.access_token(ada, Session.start(new_id(), ada.id, now), now).token
        try:
            return self.tokens.principal(f"Bearer {token}").user_id == ada.id
        except TokenInvalid:
            return False


def test_through_all_stages_every_token_that_may_live_is_accepted() -> None:
    service = Verifying()
    assert service.accepts(STAGES[0])
    for stage, alive in [(1, (0, 1)), (2, (0, 1, 2)), (3, (2, 3))]:
        service.stage = STAGES[stage]
        service.now += 301.0
        assert all(service.accepts(STAGES[issued]) for issued in alive), stage
    assert not service.accepts(STAGES[0])


def test_a_key_that_nobody_announced_is_found_after_the_pause_and_not_asked_for_in_between() -> None:
    service = Verifying()
    assert service.accepts(STAGES[0])
    service.stage = STAGES[2]
    for _ in range(100):
        assert not service.accepts(issuing(NEW))
    assert service.fetched == 1
    service.now += REFETCH_SECONDS + 0.1
    assert service.accepts(STAGES[2])
    assert service.fetched == 2


def refreshed(token: str, store: MemoryStore, issuer: TokenIssuer, clock: FakeClock) -> str:
    return commands.refresh_session(commands.RefreshSession(token), store, issuer, clock).refresh_token


def test_a_lost_reply_is_repeated_across_the_change_of_keys(memory: MemoryStore, clock: FakeClock) -> None:
    ada = user()
    add(memory, ada)
    first = STAGES[1].first_refresh_token()
    with memory.begin() as tx:
        tx.sessions.add(Session.start(new_id(), ada.id, clock()), secret_hash(first))
    lost = refreshed(first, memory, STAGES[1], clock)
    clock.advance(timedelta(seconds=5))
    assert refreshed(first, memory, STAGES[2], clock) == lost
    with pytest.raises(RefreshTokenInvalid):
        refreshed(first, memory, STAGES[3], clock)
    assert refreshed(lost, memory, STAGES[3], clock)
