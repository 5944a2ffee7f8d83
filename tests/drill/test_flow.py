"""The judge of events: each sort of trouble is seen, and nothing else is."""

import random
import uuid
from collections import Counter
from itertools import islice

from deploy.local.services import SERVICES
from tests.drill import faults
from tests.drill.flow import LISTENERS, Announced, Flow
from tests.drill.repeats import spelled_otherwise

PAYING = "campus.billing.v1.PaymentFailed"
GRANTED = "campus.billing.v1.EntitlementGranted"


def event(
    name: str, aggregate: str = "a", version: int = 1, *, subject: str = PAYING, published: bool = True
) -> Announced:
    return Announced(name, subject, aggregate, version, published, b"")


def flow(announced: list[Announced], **acted: list[str]) -> Flow:
    """Each consumer's actions in their order."""
    places = {
        consumer: {name: [place for place, each in enumerate(order) if each == name] for name in order}
        for consumer, order in acted.items()
    }
    quiet = {consumer: {"campus.catalog.v1.CourseArchived"} for consumer in LISTENERS}
    return Flow({"billing": announced}, {**quiet, **{consumer: {PAYING} for consumer in acted}}, places)


def test_a_flow_in_which_all_went_well_shows_nothing() -> None:
    well = flow([event("1"), event("2", version=2), event("3", "b")], learning=["1", "3", "2"])
    troubles = [well.unpublished, well.missing, well.unheard_of, well.acted_again, well.announced_again, well.disorder]
    assert not any(troubles)


def test_an_event_that_was_not_published_shows() -> None:
    assert flow([event("1", published=False)]).unpublished == [f"{PAYING} 1"]


def test_an_event_that_one_consumer_never_acted_on_shows() -> None:
    assert flow([event("1"), event("2", "b")], learning=["1"], witness=["1", "2"]).missing == [
        f"learning lacks {PAYING} 2"
    ]


def test_a_consumer_that_listens_to_nothing_shows() -> None:
    deaf = Flow({}, {consumer: {PAYING} for consumer in LISTENERS if consumer != "messaging"}, {})
    assert deaf.missing == ["messaging listens to nothing"]


def test_an_event_that_nobody_announced_shows() -> None:
    assert flow([event("1")], learning=["1", "9"]).unheard_of == ["learning 9"]


def test_acting_twice_on_an_event_shows() -> None:
    assert flow([event("1")], witness=["1", "1"]).acted_again == Counter({"witness": 1})


def test_announcing_the_same_cause_twice_shows() -> None:
    assert flow([event("1", subject=GRANTED), event("2", subject=GRANTED)]).announced_again.total() == 1


def test_acting_on_a_later_version_first_shows() -> None:
    found = flow([event("1"), event("2", version=2)], learning=["2", "1"]).disorder
    assert found == [f"learning: {PAYING} 2 before {PAYING} 1"]


def test_versions_that_fall_show() -> None:
    assert flow([event("1", version=2), event("2", version=1)]).disorder == ["a: version 1 after 2"]


def test_a_repetition_is_another_message_to_nats_and_the_same_event_to_an_inbox() -> None:
    event_id = str(uuid.uuid4())
    spelled = spelled_otherwise(event_id, random.Random(1))
    assert spelled != event_id
    assert str(uuid.UUID(spelled)) == event_id


def test_a_seed_gives_the_same_faults_again() -> None:
    first, second = (list(islice(faults.drawn(random.Random(5)), 40)) for _ in range(2))
    assert first == second


def test_each_round_kills_every_service_and_the_stores() -> None:
    one_round = {fault.name for fault in islice(faults.drawn(random.Random(5)), 13)}
    assert {f"kill9:{name}" for name in (*SERVICES, "witness", "nats", "postgres")} <= one_round
