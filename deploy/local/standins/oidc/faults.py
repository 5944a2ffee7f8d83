"""Faults on demand, so that a client can be shown to check what it is told."""

from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

CALL_KINDS = {
    "server_error": "answer 500 and do nothing",
    "garbage": "answer 200 with a page that is no JSON, and do nothing",
    "delay": "hold the call for `seconds` before it is carried out",
    "drop_reply": "carry the call out, then close the connection without an answer",
}
REDIRECT_KINDS = {
    "swapped_code": "the code of another sign-in of this client, by the identity with the address `value`",
    "wrong_state": "another state",
    "missing_state": "no state",
    "wrong_response_issuer": "`iss` is `value`",
    "missing_response_issuer": "no `iss`",
}
CLAIM_KINDS = {
    "wrong_nonce": "another nonce",
    "missing_nonce": "no nonce",
    "wrong_issuer": "`iss` is `value`",
    "wrong_audience": "`aud` and `azp` are `value`",
    "expired_id_token": "expired `seconds` ago (default 600)",
    "early_id_token": "issued `seconds` from now (default 600)",
    "wrong_at_hash": "an at_hash of another access token",
    "claim": "the claim `claim` is `value`; null leaves it out",
}
SIGNATURE_KINDS = {
    "unsigned_id_token": "alg none",
    "symmetric_id_token": "HS256 with the published public key as the secret",
    "wrong_key": "signed by a key that is not published, under the key id of one that is",
    "unknown_key": "signed by a key that is not published, under its own key id",
}
DOCUMENT_KINDS = {
    "wrong_discovery_issuer": "the discovery document speaks of the issuer `value`",
    "wrong_subject": "userinfo speaks of somebody else",
}
KINDS = CALL_KINDS | REDIRECT_KINDS | CLAIM_KINDS | SIGNATURE_KINDS | DOCUMENT_KINDS


@dataclass
class Fault:
    """One rule; it applies `times` times (null: until removed). Only faults of calls look at `path`."""

    kind: str
    times: int | None = 1
    path: str = "/token"
    seconds: float | None = None
    claim: str = ""
    value: Any = None
    id: int = 0

    def lasting(self, default: float) -> float:
        return default if self.seconds is None else self.seconds

    def saying(self, default: str) -> Any:
        return default if self.value is None else self.value


class BadFault(ValueError):
    """A rule that cannot be understood."""


def _problem(fault: Fault) -> str | None:
    if fault.times is not None and (type(fault.times) is not int or fault.times < 1):
        return "times must be a positive integer, or null for always"
    if fault.seconds is not None and (type(fault.seconds) not in (int, float) or not 0 <= fault.seconds <= 86_400):
        return "seconds must be a number of at most a day"
    if not isinstance(fault.path, str) or not isinstance(fault.claim, str):
        return "path is a pattern, claim a name"
    return "name the claim" if fault.kind == "claim" and not fault.claim else None


class Faults:
    """The rules in force; they live as long as the process, so that a restart is free of them."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._last_id = 0

    def add(self, rule: dict[str, Any]) -> Fault:
        unknown = rule.keys() - {field.name for field in fields(Fault)} | rule.keys() & {"id"}
        if unknown:
            raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
        if rule.get("kind") not in KINDS:
            raise BadFault(f"kind must be one of {', '.join(KINDS)}")
        self._last_id += 1
        fault = Fault(**rule, id=self._last_id)
        problem = _problem(fault)
        if problem:
            raise BadFault(problem)
        self._rules.append(fault)
        return fault

    def clear(self) -> None:
        self._rules.clear()

    def listed(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self._rules]

    def take(self, kind: str, path: str | None = None) -> Fault | None:
        """The rule of a kind that applies now, used up by one."""
        for rule in self._rules:
            if rule.kind == kind and (path is None or fnmatchcase(path, rule.path)):
                self._use(rule)
                return rule
        return None

    def take_all(self, kind: str) -> list[Fault]:
        """All rules of a kind, each used up by one."""
        rules = [rule for rule in self._rules if rule.kind == kind]
        for rule in rules:
            self._use(rule)
        return rules

    def _use(self, rule: Fault) -> None:
        if rule.times is not None:
            rule.times -= 1
            if rule.times == 0:
                self._rules.remove(rule)
