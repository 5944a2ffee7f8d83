"""Faults on demand: what is to go wrong, on which calls or deliveries, how often."""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase

from deploy.local.standins.stripe.errors import Json

CALL_KINDS = {
    "delay": "hold the call for `seconds` before it is carried out (its idempotency key is in use meanwhile)",
    "rate_limit": "answer 429 and do nothing",
    "server_error": "answer 500, remembered under the idempotency key; nothing is done, unless `after_commit` is true",
    "drop_reply": "carry the call out, then close the connection without an answer",
}
WEBHOOK_KINDS = {
    "webhook_delay": "send `seconds` later",
    "webhook_duplicate": "send `copies` more times after the receiver has accepted it (default 1)",
    "webhook_reorder": "collect for `seconds`, then send what is due, newest first",
    "webhook_tamper": "change the body after signing it",
    "webhook_old_timestamp": "sign with a timestamp `seconds` in the past (default 600)",
}


@dataclass
class Fault:
    """One rule; it applies `times` times (null: until removed), each time with probability `rate`."""

    kind: str
    times: int | None = 1
    rate: float = 1.0
    seconds: float | None = None
    copies: int = 1
    after_commit: bool = False
    method: str = "*"
    path: str = "*"
    event_type: str = "*"
    id: int = 0

    def lasting(self, default: float) -> float:
        return default if self.seconds is None else self.seconds


class BadFault(ValueError):
    """A rule that cannot be understood."""


def _problem(fault: Fault) -> str | None:
    def number(value: object, least: float, most: float) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most

    if fault.times is not None and not (isinstance(fault.times, int) and number(fault.times, 1, 1e9)):
        return "times must be a positive integer, or null for always"
    if not number(fault.rate, 0, 1):
        return "rate must be a probability"
    if fault.seconds is not None and not number(fault.seconds, 0, 86_400):
        return "seconds must be a number of at most a day"
    if not isinstance(fault.copies, int) or not number(fault.copies, 1, 100):
        return "copies must be an integer from 1 to 100"
    patterns = (fault.method, fault.path, fault.event_type)
    return None if all(isinstance(one, str) for one in patterns) else "method, path and event_type are patterns"


class Faults:
    """The rules in force; they live as long as the process, so that a restart is free of them."""

    def __init__(self, seed: int = 0) -> None:
        self._rules: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._last_id = 0

    def add(self, rule: Json) -> Fault:
        unknown = rule.keys() - {field.name for field in fields(Fault)} | rule.keys() & {"id"}
        if unknown:
            raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
        if rule.get("kind") not in CALL_KINDS | WEBHOOK_KINDS:
            raise BadFault(f"kind must be one of {', '.join(CALL_KINDS | WEBHOOK_KINDS)}")
        self._last_id += 1
        fault = Fault(**rule, id=self._last_id)
        problem = _problem(fault)
        if problem:
            raise BadFault(problem)
        self._rules.append(fault)
        return fault

    def clear(self) -> None:
        self._rules.clear()

    def listed(self) -> list[Json]:
        return [asdict(rule) for rule in self._rules]

    def of_call(self, kind: str, method: str, path: str) -> Fault | None:
        """The rule that applies to this call now, used up by one."""
        return self._take(
            lambda rule: rule.kind == kind and fnmatchcase(method, rule.method) and fnmatchcase(path, rule.path)
        )

    def of_webhook(self, kind: str, event_type: str) -> Fault | None:
        return self._take(lambda rule: rule.kind == kind and fnmatchcase(event_type, rule.event_type))

    def _take(self, matches: Callable[[Fault], bool]) -> Fault | None:
        for rule in self._rules:
            if matches(rule) and self._random.random() < rule.rate:
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
                return rule
        return None
