"""The courses of the demo: small, but of every kind there is - paid, free, another currency, another script."""

from dataclasses import dataclass
from typing import Any

Lesson = dict[str, Any]


@dataclass(frozen=True)
class Course:
    """One course as its instructor would enter it."""

    key: str
    facts: dict[str, Any]
    modules: tuple[tuple[str, tuple[Lesson, ...]], ...]


def _article(title: str, body: str, *, free_preview: bool = False) -> Lesson:
    return {"title": title, "article": {"body": body}, "free_preview": free_preview}


def _video(title: str, seconds: int, *, free_preview: bool = False) -> Lesson:
    return {"title": title, "video": {"duration_seconds": seconds}, "free_preview": free_preview}


def _price(currency: str, amount_minor: int) -> dict[str, Any]:
    return {"currency": currency, "amount_minor": str(amount_minor)}


COURSES = (
    Course(
        "sourdough",
        {
            "title": "Sourdough from the first starter",
            "description": "Keep a starter alive, read a dough, and bake a loaf you are proud of.",
            "category": "cooking",
            "language": "en",
            "difficulty": "DIFFICULTY_BEGINNER",
            "price": _price("EUR", 4900),
        },
        (
            (
                "The starter",
                (
                    _article("What lives in the jar", "Flour, water, wild yeast and patience.", free_preview=True),
                    _video("Feeding, day by day", 420),
                ),
            ),
            (
                "The loaf",
                (
                    _video("Shaping without tearing", 660),
                    _article("Why the oven must be hotter than you think", "Steam first, colour later."),
                ),
            ),
        ),
    ),
    Course(
        "sql",
        {
            "title": "SQL you will use tomorrow",
            "description": "Joins, windows and plans, with a database of a library that you may break.",
            "category": "programming",
            "language": "en",
            "difficulty": "DIFFICULTY_INTERMEDIATE",
            "price": _price("USD", 7900),
        },
        (
            (
                "Questions of one table",
                (
                    _video("Filtering is not searching", 540, free_preview=True),
                    _article("NULL is an answer too", "Three values, not two: true, false and nobody knows."),
                ),
            ),
            ("Questions of many tables", (_video("Joins, drawn slowly", 900), _video("Reading a plan", 780))),
        ),
    ),
    Course(
        "haiku",
        {
            "title": "はじめての俳句",
            "description": "五・七・五で季節を書く、小さな講座です。",
            "category": "writing",
            "language": "ja",
            "difficulty": "DIFFICULTY_BEGINNER",
            "price": _price("JPY", 0),
        },
        (("季語と切れ", (_article("季語とは", "一つの言葉に一つの季節。"), _video("句を声に出す", 180))),),
    ),
)
