"""The drills in short, on one mesh; and the judge, shown what it has to find."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest

from tests.drill import crash, effects, found, relay, report, rolling
from tests.drill.history import Account
from tests.drill.report import Entry
from tests.drill.site import Site

# Its first faults are NATS, billing, PostgreSQL, messaging, learning.
SEED = 123
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def crashed(site: Site) -> tuple[Entry, crash.Run]:
    settings = crash.Settings(seconds=11, seed=SEED, clients=4, every_seconds=0.5, pause_seconds=2)
    return crash.drill(site, settings, control_seconds=2, say=print)


def in_short(entry: Entry) -> Entry:
    entry.name += " (short)"
    report.write([entry])
    return entry


def test_crashes_lose_nothing_and_repeat_nothing(crashed: tuple[Entry, crash.Run]) -> None:
    entry = in_short(crashed[0])
    assert not entry.violations, entry.places
    assert entry.faults
    assert entry.acked > 100


def test_without_an_inbox_the_same_load_and_repetitions_show_twice(crashed: tuple[Entry, crash.Run]) -> None:
    control = crashed[0].negative_control
    assert control is not None
    assert control.fired


def test_a_relay_that_is_killed_forgets_nothing_and_one_by_cursor_does(site: Site) -> None:
    entry = in_short(relay.drill(site, relay.Settings(3, SEED, every_seconds=0.5), 1.5, print))
    assert not entry.violations, entry.places
    assert entry.faults
    assert entry.passed, entry.negative_control


def test_a_restart_of_each_service_fails_no_call(site: Site) -> None:
    entry = in_short(rolling.drill(site, rolling.Settings(SEED, clients=4), print))
    assert not entry.violations, entry.places
    assert set(entry.faults) == {f"sigterm:{service}" for service in site.services}
    assert entry.passed, entry.negative_control


@dataclass(frozen=True)
class Planted:
    """What is done to a database behind the services' backs, and what the judge has to call it."""

    database: str
    statement: LiteralString
    violation: str
    place: str


PLANTED = {
    "an acknowledged operation vanishes": Planted(
        "learning",
        "DELETE FROM progress_events WHERE operation_id = (SELECT operation_id FROM progress_events LIMIT 1)",
        "lost",
        "progress ",
    ),
    "a certificate vanishes": Planted(
        "certification",
        "DELETE FROM certificates WHERE id = (SELECT id FROM certificates LIMIT 1)",
        "invariant_breaks",
        "certificates 0",
    ),
    "someone is told twice": Planted(
        "messaging",
        """INSERT INTO notifications SELECT gen_random_uuid(), version, user_id, kind, about_id, gen_random_uuid(),
           in_app, email, subject, message, created_at, read_at FROM notifications WHERE kind = 'welcome'""",
        "dup_effects",
        "notification welcome",
    ),
    "an effect has no cause": Planted(
        "identity",
        """INSERT INTO users SELECT gen_random_uuid(), version, 'x' || email, 'x' || email_folded, username,
           NULL, name, password_hash, roles, created_at, updated_at FROM users""",
        "unexpected",
        "user x",
    ),
    "money is made": Planted(
        "billing",
        "UPDATE ledger_postings SET amount_minor = amount_minor + 1 WHERE position = 0",
        "invariant_breaks",
        "the ledger sums to",
    ),
    "an event is forgotten": Planted("messaging", "DELETE FROM inbox", "invariant_breaks", "messaging lacks"),
    "a consumer acts in the opposite order": Planted(
        "witness",
        """UPDATE seen SET event_id = turned.event_id FROM (
               SELECT one.place, other.event_id
               FROM (SELECT *, row_number() OVER (PARTITION BY aggregate_id ORDER BY place) AS n FROM seen) one
               JOIN (SELECT *, row_number() OVER (PARTITION BY aggregate_id ORDER BY place DESC) AS n FROM seen) other
               USING (aggregate_id, n)) turned
           WHERE seen.place = turned.place""",
        "order_violations",
        "witness: ",
    ),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_the_judge_sees_when(planted: Planted, site: Site, crashed: tuple[Entry, crash.Run]) -> None:
    with psycopg.connect(site.mesh.plan.postgres.admin_url(f"campus_{planted.database}"), autocommit=True) as owner:
        # Triggers and foreign keys would refuse much of it.
        owner.execute("SET session_replication_role = replica")
        owner.execute(planted.statement)
    entry = Entry("planted", SEED)
    crash.judge(site, crashed[1], entry)
    assert any(planted.place in place for place in entry.places.get(planted.violation, [])), entry.places


def test_what_the_api_does_not_show_is_lost(site: Site, crashed: tuple[Entry, crash.Run]) -> None:
    student = min(found.emails(site, crashed[1].name).values())
    promised = effects.of_learner("certificate", student, "of a course that does not exist")
    account = Account(effects_of={"1": [promised]}, answered=[(0, "1")])
    assert crash.not_shown(site, crash.Run(crashed[1].name, account)) == [f"{promised} (by the API)"]
