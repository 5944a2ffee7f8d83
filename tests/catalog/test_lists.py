"""Lists and search: real SQL in the reader's role, page by page."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from services.catalog import queries
from services.catalog.adapters.postgres import PostgresStore
from services.catalog.domain.course import Difficulty, State
from services.catalog.queries import CourseOrder, PriceKind
from services.chassis.db import Database
from services.kernel.errors import PageTokenInvalid
from services.kernel.money import Money
from services.kernel.pages import Page
from tests.catalog.conftest import ANYONE, FakeClock, instructor
from tests.catalog.making import Making

Read = Callable[[int, str], Page[queries.CourseRow]]


@pytest.fixture
def making(database: Database, clock: FakeClock) -> Making:
    return Making(PostgresStore(database.writer), clock)


def lister(database: Database, **filters: Any) -> Read:
    return lambda size, token: queries.list_courses(queries.ListCourses(size, token, **filters), database.reader)


def searcher(database: Database, words: str) -> Read:
    return lambda size, token: queries.search_courses(queries.SearchCourses(words, size, token), database.reader)


def listed(read: Read, size: int = 2) -> list[str]:
    """The titles of all pages; every page but the last has to be full."""
    page = read(size, "")
    found = [row.title for row in page.rows]
    while page.next_token:
        assert len(page.rows) == size
        page = read(size, page.next_token)
        found += [row.title for row in page.rows]
    return found


def forged(token: str, *key: str) -> str:
    """A token that carries the right mark and another key."""
    mark = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))[0]
    return base64.urlsafe_b64encode(json.dumps([mark, *key]).encode()).decode().rstrip("=")


def test_only_published_courses_are_listed_the_newest_first(making: Making, database: Database) -> None:
    for title in ("A", "B", "C", "D", "Gone"):
        course = making.published(title)
    making.archive(course.id)
    making.filled("Draft")
    assert listed(lister(database)) == ["D", "C", "B", "A"]
    assert listed(lister(database), size=3) == ["D", "C", "B", "A"]


def test_titles_are_listed_without_regard_to_case_and_accents(making: Making, database: Database) -> None:
    for title in ("zebra", "\u00c9clair", "Apple", "elder", "apple"):
        making.published(title)
    found = listed(lister(database, order=CourseOrder.TITLE))
    assert [title.casefold() for title in found] == ["apple", "apple", "\u00e9clair", "elder", "zebra"]


def test_prices_are_listed_by_currency_and_then_the_cheapest_first(making: Making, database: Database) -> None:
    for title, price in [("1", Money("USD", 100)), ("2", Money("EUR", 900)), ("3", Money("EUR", 0))]:
        making.published(title, price=price)
        making.published(title, price=price)
    assert listed(lister(database, order=CourseOrder.PRICE), size=3) == ["3", "3", "2", "2", "1", "1"]


def test_a_list_shows_the_courses_that_pass_every_filter(making: Making, database: Database) -> None:
    making.published("A", category="cooking", difficulty=Difficulty.ADVANCED, language="de")
    making.published("B", category="cooking", price=Money("EUR", 0))
    other = Making(making.store, making.clock, owner=instructor())
    other.published("C", category="music", language="de")
    cases: list[tuple[list[str], dict[str, Any]]] = [
        (["B", "A"], {"category": "cooking"}),
        (["C", "A"], {"language": "de"}),
        (["A"], {"language": "de", "category": "cooking"}),
        (["A"], {"difficulty": Difficulty.ADVANCED}),
        (["B"], {"price_kind": PriceKind.FREE}),
        (["C", "A"], {"price_kind": PriceKind.PAID}),
        (["C"], {"instructor_id": other.owner.user_id}),
        ([], {"instructor_id": other.owner.user_id, "category": "cooking", "price_kind": PriceKind.FREE}),
    ]
    for expected, filters in cases:
        assert listed(lister(database, **filters), size=1) == expected


def test_courses_that_come_and_go_between_pages_move_no_other(making: Making, database: Database) -> None:
    courses = [making.published(title) for title in "ABCD"]
    read = lister(database)
    first = read(2, "")
    making.published("E")
    making.archive(courses[3].id)
    second = read(2, first.next_token)
    assert [row.title for page in (first, second) for row in page.rows] == ["D", "C", "B", "A"]
    assert second.next_token == ""


def test_a_token_is_good_for_its_own_list_only(making: Making, database: Database) -> None:
    for title in "ABC":
        making.published(title)
    token = lister(database)(1, "").next_token
    for read in (lister(database, order=CourseOrder.TITLE), lister(database, category="x"), searcher(database, "a")):
        with pytest.raises(PageTokenInvalid):
            read(1, token)


@pytest.mark.parametrize(
    ("order", "key"),
    [
        (CourseOrder.NEWEST, ["yesterday", "019a0000-0000-7000-8000-000000000000"]),
        (CourseOrder.NEWEST, ["2026-03-01T00:00:00", "019a0000-0000-7000-8000-000000000000"]),
        (CourseOrder.NEWEST, ["2026-03-01T00:00:00+00:00", "no id"]),
        (CourseOrder.NEWEST, ["2026-03-01T00:00:00+00:00"]),
        (CourseOrder.TITLE, ["a\0b", "019a0000-0000-7000-8000-000000000000"]),
        (CourseOrder.TITLE, ["\ud800", "019a0000-0000-7000-8000-000000000000"]),
        (CourseOrder.PRICE, ["EUR", "9" * 30, "019a0000-0000-7000-8000-000000000000"]),
        (CourseOrder.PRICE, ["EUR", "9" * 5000, "019a0000-0000-7000-8000-000000000000"]),
    ],
)
def test_a_made_up_token_is_refused(making: Making, database: Database, order: CourseOrder, key: list[str]) -> None:
    making.published("A")
    making.published("B")
    read = lister(database, order=order)
    with pytest.raises(PageTokenInvalid):
        read(1, forged(read(1, "").next_token, *key))


def test_my_courses_are_mine_in_every_state_the_newest_first(making: Making, database: Database) -> None:
    making.filled("Draft")
    making.published("Published")
    making.archive(making.published("Archived").id)
    Making(making.store, making.clock, owner=instructor()).published("Not mine")

    def mine(state: State | None) -> Read:
        return lambda size, token: queries.list_my_courses(
            queries.ListMyCourses(making.owner, size, token, state), database.reader
        )

    assert listed(mine(None)) == ["Archived", "Published", "Draft"]
    assert [listed(mine(state)) for state in State] == [["Draft"], ["Published"], ["Archived"]]


def test_a_list_counts_the_lessons_that_its_reader_would_be_shown(making: Making, database: Database) -> None:
    course = making.published()
    making.lesson(course.id, course.modules[0].id)
    (row,) = lister(database)(0, "").rows
    assert row.numbers_for(ANYONE) == (2, 90)
    assert row.numbers_for(making.owner) == (3, 180)


@pytest.fixture
def library(making: Making) -> Making:
    making.published("Python for beginners", description="Loops and functions")
    making.published("Cooking with Python the snake", description="Recipes", category="food")
    making.published("Baking bread", description="Flour, water and a python script", category="food-science")
    making.published("\u00c9tudes pour guitare", description="Apprendre les gammes", language="fr", category="music")
    making.archive(making.published("Python, withdrawn").id)
    making.filled("Python, unpublished")
    return making


def test_search_finds_published_courses_that_have_all_the_words_titles_first(
    library: Making, database: Database
) -> None:
    found = listed(searcher(database, "python"))
    assert len(found) == 3
    assert found[2] == "Baking bread"
    assert listed(searcher(database, "PYTHON loop")) == ["Python for beginners"]
    assert listed(searcher(database, "food science")) == ["Baking bread"]
    assert listed(searcher(database, "gammes")) == ["\u00c9tudes pour guitare"]
    assert listed(searcher(database, 'python -"the snake" -bread')) == ["Python for beginners"]


def test_search_pages_overlap_nowhere(library: Making, database: Database) -> None:
    whole = listed(searcher(database, "python"), size=3)
    assert listed(searcher(database, "python"), size=1) == listed(searcher(database, "python"), size=2) == whole
    token = searcher(database, "python")(1, "").next_token
    for key in (["1", "no id"], ["9" * 30, "019a0000-0000-7000-8000-000000000000"]):
        with pytest.raises(PageTokenInvalid):
            searcher(database, "python")(1, forged(token, *key))


def test_a_slip_of_the_keyboard_finds_the_titles_nearest_to_it(library: Making, database: Database) -> None:
    assert listed(searcher(database, "bakng bred")) == ["Baking bread"]
    assert "Python for beginners" in listed(searcher(database, "pyhton"))
    assert listed(searcher(database, "etudes guitarre")) == ["\u00c9tudes pour guitare"]
    assert listed(searcher(database, "quantum chromodynamics")) == []
    assert listed(searcher(database, "the")) == ["Cooking with Python the snake"]


@pytest.mark.parametrize("words", ["'", '"unclosed', "& | !", "-", "a:*", "%", "\\", "()", "or or"])
def test_search_takes_whatever_is_typed(library: Making, database: Database, words: str) -> None:
    assert isinstance(listed(searcher(database, words)), list)
