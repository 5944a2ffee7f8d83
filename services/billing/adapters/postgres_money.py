"""The ledger and the provider's messages in PostgreSQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql

from services.billing.domain.ledger import Entry
from services.billing.domain.provider import FailedAttempt, FailureCode, ProviderEvent
from services.billing.tables import ledger_accounts, ledger_entries, ledger_postings, webhook_events
from services.chassis.db import Work
from services.kernel.ids import new_id


class PostgresLedger:
    def __init__(self, work: Work) -> None:
        self._work = work

    def post(self, entry: Entry) -> None:
        # In one order always, so that two entries never wait for each other's accounts.
        accounts = sorted({posting.account for posting in entry.postings}, key=lambda account: account.id)
        rows = [
            {"id": a.id, "kind": a.kind, "currency": a.currency, "instructor_id": a.instructor_id or None}
            for a in accounts
        ]
        self._work.execute(postgresql.insert(ledger_accounts).on_conflict_do_nothing(), rows)
        entry_id = new_id()
        row: dict[str, Any] = {"id": entry_id, "kind": entry.kind, "order_line_id": entry.order_line_id}
        row |= {"transaction_id": entry.transaction_id, "occurred_at": entry.occurred_at}
        self._work.execute(insert(ledger_entries).values(row))
        postings = [
            {
                "entry_id": entry_id,
                "position": position,
                "account_id": posting.account.id,
                "currency": posting.account.currency,
                "amount_minor": posting.amount_minor,
            }
            for position, posting in enumerate(entry.postings)
        ]
        self._work.execute(insert(ledger_postings), postings)


class PostgresWebhooks:
    def __init__(self, work: Work) -> None:
        self._work = work

    def add(self, event: ProviderEvent, now: datetime, *, due: bool) -> bool:
        row: dict[str, Any] = {"event_id": event.id, "type": event.type, "created_at": event.created_at}
        row |= {"object_kind": event.object_kind, "object_id": event.object_id, "intent_id": event.intent_id}
        row |= {"received_at": now, "attempts": 0, "due_at": now if due else None}
        row |= {} if due else {"outcome": "ignored", "processed_at": now}
        if event.failure:
            row |= {"failure_code": event.failure.code, "failure_attempt_id": event.failure.attempt_id}
        added = postgresql.insert(webhook_events).values(row).on_conflict_do_nothing()
        return self._work.execute(added.returning(webhook_events.c.event_id)).first() is not None

    def take_due(self, now: datetime, until: datetime) -> ProviderEvent | None:
        rows = webhook_events.c
        due = select(rows.event_id).where(rows.due_at <= now).order_by(rows.due_at).limit(1)
        mine = update(webhook_events).where(rows.event_id == due.with_for_update(skip_locked=True).scalar_subquery())
        taken = mine.values(due_at=until, attempts=rows.attempts + 1).returning(webhook_events)
        row = self._work.execute(taken).first()
        if row is None:
            return None
        names = ("type", "created_at", "object_kind", "object_id", "intent_id", "attempts")
        failure = None
        if row.failure_code:
            failure = FailedAttempt(row.created_at, row.failure_attempt_id, FailureCode(row.failure_code))
        return ProviderEvent(id=row.event_id, failure=failure, **{name: row._mapping[name] for name in names})

    def done(self, event_id: str, outcome: str, now: datetime) -> None:
        values = {"outcome": outcome, "processed_at": now, "due_at": None, "error": None}
        self._work.execute(update(webhook_events).filter_by(event_id=event_id).values(values))

    def failed(self, event_id: str, error: str, due_at: datetime) -> None:
        # Somebody else may have succeeded since.
        still = update(webhook_events).filter_by(event_id=event_id, processed_at=None)
        self._work.execute(still.values(error=error, due_at=due_at))
