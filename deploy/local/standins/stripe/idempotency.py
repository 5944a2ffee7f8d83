"""Idempotency keys: the first answer under a key is the answer, for a day."""

import hashlib
import json
from dataclasses import dataclass

from deploy.local.standins.stripe.clock import Clock
from deploy.local.standins.stripe.errors import InvalidRequest, StripeError
from deploy.local.standins.stripe.forms import Tree
from deploy.local.standins.stripe.store import Store

_KEPT_SECONDS = 86_400


@dataclass(frozen=True)
class Remembered:
    """An answer given before."""

    status: int
    body: str
    request_id: str


def fingerprint(tree: Tree) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


class Keys:
    """Answers by key; keys of calls under way are refused."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._in_use: set[str] = set()

    def claim(self, key: str) -> None:
        if len(key) > 255:
            raise InvalidRequest("Idempotency keys can be at most 255 characters long.")
        if key in self._in_use:
            raise StripeError(
                409,
                "invalid_request_error",
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later.",
                code="idempotency_key_in_use",
                headers={"Stripe-Should-Retry": "true"},
            )
        self._in_use.add(key)

    def release(self, key: str) -> None:
        self._in_use.discard(key)

    def recall(self, key: str, path: str, tree: Tree) -> Remembered | None:
        self._store.sql.execute("DELETE FROM idempotency WHERE created <= ?", (self._clock.now() - _KEPT_SECONDS,))
        row = self._store.sql.execute("SELECT * FROM idempotency WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        if row["path"] != path:
            raise _mismatch(
                f"Keys for idempotent requests can only be used for the same endpoint they were first used for "
                f"('{row['path'].partition(' ')[2]}' vs '{path.partition(' ')[2]}').",
                key,
            )
        if row["fingerprint"] != fingerprint(tree):
            raise _mismatch(
                "Keys for idempotent requests can only be used with the same parameters they were first used with.", key
            )
        return Remembered(row["status"], row["body"], row["request_id"])

    def remember(self, key: str, path: str, tree: Tree, answer: Remembered) -> None:
        """Written in the transaction of the effects: after a crash there are both or neither."""
        self._store.sql.execute(
            "INSERT INTO idempotency (key, path, fingerprint, request_id, status, body, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, path, fingerprint(tree), answer.request_id, answer.status, answer.body, self._clock.now()),
        )


def _mismatch(reason: str, key: str) -> StripeError:
    return StripeError(
        400,
        "idempotency_error",
        f"{reason} Try using a key other than '{key}' if you meant to execute a different request.",
    )
