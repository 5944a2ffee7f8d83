"""The shared words mean what they say."""

import uuid
from datetime import timedelta

import pytest

from services.kernel.errors import CampusError, Kind, PageTokenInvalid, Refused
from services.kernel.events import Aggregate, DomainEvent, event_to_mark, handling
from services.kernel.ids import id_from, new_id
from services.kernel.money import Money
from services.kernel.pages import PageRequest, page_of
from services.kernel.requests import RequestKey


class SeatsTakenByOthers(CampusError):
    kind = Kind.EXHAUSTED
    message = "no seat is left"


def test_a_refusal_is_called_by_its_class() -> None:
    refusal = SeatsTakenByOthers(field="seat", retry_after=timedelta(seconds=3), course_id="c1")
    assert refusal.reason == "SEATS_TAKEN_BY_OTHERS"
    assert (str(refusal), refusal.field, refusal.metadata) == ("no seat is left", "seat", {"course_id": "c1"})
    rebuilt = Refused(Kind.NOT_FOUND, "COURSE_NOT_FOUND", "no such course", "campus.catalog", course_id="c1")
    assert (rebuilt.reason, rebuilt.metadata) == ("COURSE_NOT_FOUND", {"course_id": "c1"})


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [uuid.UUID(new_id()) for _ in range(1000)]
    assert {(each.version, each.variant) for each in ids} == {(7, uuid.RFC_4122)}
    assert len(set(ids)) == 1000
    stamps = [each.int >> 80 for each in ids]
    assert stamps == sorted(stamps)


def test_an_id_made_from_parts_depends_on_each_of_them() -> None:
    assert id_from("a", "b") == id_from("a", "b")
    assert len({id_from("a", "b"), id_from("ab"), id_from("b", "a"), id_from("a", "b", "")}) == 4
    assert uuid.UUID(id_from("a")).version == 8


def test_money_of_different_currencies_never_meets() -> None:
    assert Money("EUR", 5) + Money("EUR", 7) - Money("EUR", 2) == Money("EUR", 10)
    with pytest.raises(ValueError, match="currencies"):
        Money("EUR", 5) + Money("USD", 5)
    for wrong in ("eur", "EURO", "E1"):
        with pytest.raises(ValueError, match="currency"):
            Money(wrong, 1)


def test_an_aggregate_gives_its_events_away_once() -> None:
    aggregate = Aggregate(id="a1")
    aggregate.record(DomainEvent())
    assert len(aggregate.take_events()) == 1
    assert aggregate.take_events() == []


def test_the_event_at_hand_is_known_inside_of_its_handler_only() -> None:
    assert event_to_mark() is None
    with handling("learning", "e1") as current:
        assert event_to_mark() is current
    assert event_to_mark() is None


def test_pages_join_without_gap_or_overlap() -> None:
    everything = [f"{n:03}" for n in range(45)]
    seen: list[str] = []
    token = ""
    while True:
        request = PageRequest(20, token, "published")
        after = request.after(1)
        rows = [each for each in everything if after is None or each > after[0]][: request.limit + 1]
        page = page_of(rows, request, lambda row: [row])
        seen += page.rows
        token = page.next_token
        if not token:
            break
    assert seen == everything


@pytest.mark.parametrize("token", ["nonsense", "bm90IGpzb24", "eyJhIjoxfQ", "W10"])
def test_a_token_that_no_list_gave_is_refused(token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        PageRequest(20, token).after(1)


def test_a_token_of_another_list_is_refused() -> None:
    first = page_of(["a", "b"], PageRequest(1, "", "mine"), lambda row: [row])
    with pytest.raises(PageTokenInvalid):
        PageRequest(1, first.next_token, "theirs").after(1)
    assert PageRequest(1, first.next_token, "mine").after(1) == ["a"]


def test_a_page_has_a_size_by_default_and_at_most() -> None:
    assert [PageRequest(size).limit for size in (0, 7, 500)] == [20, 7, 100]


def test_a_request_key_tells_contents_apart_without_keeping_them() -> None:
    one, other = (RequestKey("u", "Enroll", "r1", content) for content in (b"secret", b"other"))
    assert one.fingerprint != other.fingerprint
    assert "secret" not in one.fingerprint
