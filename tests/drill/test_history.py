"""The counting itself: what a drill reports must follow from its history and from nothing else."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.drill.history import Account, History, tally


def lines(*entries: tuple[float, str, str, list[str]]) -> list[str]:
    return [
        json.dumps({"t": moment, "type": kind, "op": operation, "kind": "pay", "effects": made, "answer": "503"})
        for moment, kind, operation, made in entries
    ]


def test_what_was_acknowledged_and_is_not_there_is_lost() -> None:
    found = tally({"a", "b"}, {"a", "b"}, Counter(["a"]))
    assert found.lost == ["b"]


def test_what_nobody_attempted_is_unexpected() -> None:
    found = tally({"a"}, set(), Counter(["a", "x"]))
    assert found.unexpected == ["x"]


def test_what_is_there_without_an_answer_is_recovered_and_no_fault() -> None:
    found = tally({"a", "b"}, {"a"}, Counter(["a", "b"]))
    assert (found.recovered, found.lost, found.unexpected) == (["b"], [], [])


def test_what_is_there_twice_is_repeated() -> None:
    found = tally({"a"}, {"a"}, Counter(["a", "a", "a"]))
    assert found.repeated == Counter({"a": 2})


def test_an_operation_that_is_answered_at_its_third_try_is_acknowledged() -> None:
    account = Account.of(
        lines((1, "invoke", "1", ["a"]), (2, "info", "1", []), (3, "info", "1", []), (4, "ok", "1", []))
    )
    assert account.acked == {"a"}
    assert account.uncertain == Counter({"pay: 503": 2})


def test_a_refused_operation_was_attempted_and_not_acknowledged() -> None:
    account = Account.of(lines((1, "invoke", "1", ["a"]), (2, "fail", "1", [])))
    assert (account.attempted, account.acked, account.refused) == ({"a"}, set(), {"1": "pay: 503"})


def test_what_is_only_possible_is_expected_and_never_lost(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.invoke("1", "decline", ["a"], ["b"])
    history.ok("1")
    history.close()
    account = Account.of(history.path.read_text().splitlines())
    assert (account.attempted, account.acked) == ({"a", "b"}, {"a"})


def test_a_stall_is_the_longest_time_without_an_answer_for_anybody() -> None:
    account = Account.of(
        lines(
            (1, "invoke", "1", []), (2, "ok", "1", []), (3, "invoke", "2", []), (9, "ok", "2", []), (10, "ok", "1", [])
        )
    )
    assert account.max_stall_seconds == 7


def test_a_history_is_never_written_over(tmp_path: Path) -> None:
    History(tmp_path / "history.jsonl").close()
    with pytest.raises(FileExistsError):
        History(tmp_path / "history.jsonl")


def test_what_is_written_is_what_is_counted(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.invoke("1", "pay", ["a", "b"])
    history.info("1", "503")
    history.fault("kill9:nats", "pid 1")
    history.ok("1")
    history.close()
    account = Account.of(history.path.read_text().splitlines())
    assert account.acked == {"a", "b"}
