"""Lists of courses, in pages that start after the last row of the page before."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    tuple_,
)

from services.catalog.domain.caller import Caller
from services.catalog.domain.course import Difficulty, State
from services.catalog.domain.outline import title_key
from services.catalog.queries.rows import COLUMNS, COURSE, COURSES, WITH_VERSION, CourseRow
from services.kernel.errors import PageTokenInvalid
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows

# How much of the words' trigrams a title must share to count as looking like them.
LEAST_SIMILARITY = 0.25


class CourseOrder(Enum):
    NEWEST = auto()
    TITLE = auto()
    PRICE = auto()


class PriceKind(Enum):
    FREE = auto()
    PAID = auto()


def _text(part: str) -> str:
    if "\0" in part:
        raise ValueError("no text that the database takes")
    part.encode()  # half a surrogate pair is no text either
    return part


def _id(part: str) -> str:
    return str(uuid.UUID(part))


def _number(part: str) -> int:
    if abs(number := int(part)) >= 1 << 63:
        raise ValueError("more than the database takes")
    return number


def _moment(part: str) -> datetime:
    if (moment := datetime.fromisoformat(part)).tzinfo is None:
        raise ValueError("no moment without an offset")
    return moment


@dataclass(frozen=True, eq=False)
class _Order:
    """What rows are ordered by; ties are broken by id, which comes last. `parse` reads a token's parts back."""

    columns: Sequence[Any]
    parse: Sequence[Callable[[str], Any]]
    key: Callable[[CourseRow], Sequence[str]]
    descending: bool = False


_MINE = _Order([COURSE.id], [_id], lambda row: [row.id], descending=True)
_ORDERS = {
    CourseOrder.NEWEST: _Order(
        [COURSE.published_at, COURSE.id],
        [_moment, _id],
        lambda row: [row.published_at.isoformat() if row.published_at else "", row.id],
        descending=True,
    ),
    CourseOrder.TITLE: _Order([COURSE.title_key, COURSE.id], [_text, _id], lambda row: [title_key(row.title), row.id]),
    CourseOrder.PRICE: _Order(
        [COURSE.currency, COURSE.amount_minor, COURSE.id],
        [_text, _number, _id],
        lambda row: [row.currency, str(row.amount_minor), row.id],
    ),
}
_FILTERS = {
    "category": COURSE.category == bindparam("category"),
    "language": COURSE.language == bindparam("language"),
    "difficulty": COURSE.difficulty == bindparam("difficulty"),
    "instructor_id": COURSE.instructor_id == bindparam("instructor_id"),
    "state": COURSE.state == bindparam("state"),
    "free": COURSE.amount_minor == 0,
    "paid": COURSE.amount_minor > 0,
    # Spelled out, not bound: only so does the database know that the indexes on published courses apply.
    "published": COURSE.state == literal_column("'published'"),
}


def _after(page: PageRequest, parse: Sequence[Callable[[str], Any]]) -> dict[str, Any]:
    """The parameters that say where the page starts; none for the first one."""
    parts = page.after(len(parse))
    try:
        return {f"after_{n}": read(part) for n, (read, part) in enumerate(zip(parse, parts or (), strict=bool(parts)))}
    except (ValueError, OverflowError):
        raise PageTokenInvalid(field="page_token") from None


@cache
def _statement(order: _Order, filters: frozenset[str], after: bool) -> Select[Any]:
    """One of a small number of statements: made on first use, then kept, and so is its compiled form."""
    found = COURSES.where(*(_FILTERS[name] for name in sorted(filters)))
    if after:
        start = tuple_(*(bindparam(f"after_{n}", type_=column.type) for n, column in enumerate(order.columns)))
        here = tuple_(*order.columns)
        found = found.where(here < start if order.descending else here > start)
    by = [column.desc() if order.descending else column for column in order.columns]
    return found.order_by(*by).limit(bindparam("rows", type_=Integer))


def _listed(
    order: _Order, filters: frozenset[str], values: dict[str, Any], page: PageRequest, rows: Rows
) -> Page[CourseRow]:
    after = _after(page, order.parse)
    parameters = {**values, **after, "rows": page.limit + 1}
    found = rows.all(_statement(order, filters, bool(after)), CourseRow, parameters)
    return page_of(found, page, order.key)


@dataclass(frozen=True)
class ListCourses:
    page_size: int
    page_token: str
    order: CourseOrder = CourseOrder.NEWEST
    category: str = ""
    language: str = ""
    difficulty: Difficulty | None = None
    price_kind: PriceKind | None = None
    instructor_id: str = ""


def list_courses(query: ListCourses, rows: Rows) -> Page[CourseRow]:
    names = ("category", "language", "difficulty", "instructor_id")
    values = {name: value for name in names if (value := getattr(query, name))}
    filters = {*values, "published"}
    if query.price_kind:
        filters.add("free" if query.price_kind is PriceKind.FREE else "paid")
    made_for = f"courses {query.order.name} {query.price_kind} {sorted(values.items())}"
    page = PageRequest(query.page_size, query.page_token, made_for)
    return _listed(_ORDERS[query.order], frozenset(filters), values, page, rows)


@dataclass(frozen=True)
class ListMyCourses:
    caller: Caller
    page_size: int
    page_token: str
    state: State | None = None


def list_my_courses(query: ListMyCourses, rows: Rows) -> Page[CourseRow]:
    values: dict[str, Any] = {"instructor_id": query.caller.user_id}
    if query.state:
        values["state"] = query.state
    page = PageRequest(query.page_size, query.page_token, f"mine {query.caller.user_id} {query.state}")
    return _listed(_MINE, frozenset(values), values, page, rows)


@dataclass(frozen=True)
class SearchCourses:
    words: str
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class _FoundRow(CourseRow):
    rank: int


_words: BindParameter[str] = bindparam("words", type_=Text)
_meant = func.websearch_to_tsquery("simple", _words).op("||")(func.websearch_to_tsquery("english", _words))
# A whole number, so that a page token holds it exactly.
_rank = cast(func.ts_rank_cd(COURSE.searched, _meant) * 1_000_000, BigInteger).label("rank")
_limit = bindparam("rows", type_=Integer)
_start = tuple_(bindparam("after_0", type_=BigInteger), bindparam("after_1", type_=COURSE.id.type))
_best = (
    select(COURSE.id, _rank)
    .where(_FILTERS["published"], COURSE.searched.op("@@")(_meant))
    .order_by(_rank.desc(), COURSE.id.desc())
    .limit(_limit)
)


def _matching(best: Select[Any]) -> Select[Any]:
    """The courses of one page: what else is shown is read for these alone."""
    page = best.subquery()
    found = select(*COLUMNS, page.c.rank).select_from(WITH_VERSION.join(page, page.c.id == COURSE.id))
    return found.order_by(page.c.rank.desc(), COURSE.id.desc())


_MATCHING = _matching(_best)
_MATCHING_AFTER = _matching(_best.where(tuple_(_rank.element, COURSE.id) < _start))

_key = bindparam("key", type_=Text)
_distance = COURSE.title_key.op("<->>")(_key).label("distance")
# The nearest come out of the index in order, so looking at one page of them is enough.
_nearest = select(COURSE.id, _distance).where(_FILTERS["published"]).order_by(_distance).limit(_limit).subquery()
_SIMILAR = (
    select(*COLUMNS)
    .select_from(WITH_VERSION.join(_nearest, _nearest.c.id == COURSE.id))
    .where(func.word_similarity(_key, COURSE.title_key) >= LEAST_SIMILARITY)
    .order_by(_nearest.c.distance, COURSE.id)
)


def search_courses(query: SearchCourses, rows: Rows) -> Page[CourseRow]:
    page = PageRequest(query.page_size, query.page_token, f"search {query.words}")
    after = _after(page, [_number, _id])
    parameters = {"words": query.words, **after, "rows": page.limit + 1}
    matching = rows.all(_MATCHING_AFTER if after else _MATCHING, _FoundRow, parameters)
    if matching or after:
        found = page_of(matching, page, lambda row: [str(row.rank), row.id])
        return Page(found.rows, found.next_token)
    return Page(rows.all(_SIMILAR, CourseRow, {"key": title_key(query.words), "rows": page.limit}), "")
