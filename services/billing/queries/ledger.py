"""Whether the books are right: what must hold at every moment, asked of the rows themselves."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, column, func, select, text

from services.billing import tables
from services.kernel.rows import Rows

# Rule by rule the rows that break it. In SQL itself, because an auditor shall be able to read and run them.
_RULES = {
    "the ledger sums to zero in each currency": """
        SELECT currency FROM ledger_postings GROUP BY currency HAVING sum(amount_minor) <> 0""",
    "an entry sums to zero in each currency": """
        SELECT entry_id FROM ledger_postings GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0""",
    "an entry has postings": """
        SELECT id FROM ledger_entries e WHERE NOT EXISTS (SELECT FROM ledger_postings p WHERE p.entry_id = e.id)""",
    "a posting has the currency of its account and of its line": """
        SELECT e.id FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
        JOIN ledger_entries e ON e.id = p.entry_id JOIN order_lines l ON l.id = e.order_line_id
        WHERE p.currency <> a.currency OR p.currency <> l.currency""",
    "an entry moves what was agreed for its line": """
        SELECT e.id FROM ledger_entries e JOIN order_lines l ON l.id = e.order_line_id
        JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
        GROUP BY e.id, e.kind, l.id HAVING
            sum(CASE a.kind WHEN 'stripe_clearing' THEN p.amount_minor ELSE 0 END)
                <> CASE e.kind WHEN 'sale' THEN 1 ELSE -1 END * l.amount_minor
            OR sum(CASE WHEN a.kind = 'instructor_payable' AND a.instructor_id = l.instructor_id
                   THEN p.amount_minor ELSE 0 END)
                <> CASE e.kind WHEN 'sale' THEN -1 ELSE 1 END * div(l.amount_minor * l.instructor_share_bps, 10000)""",
    "a completed payment has one sale for each line": """
        SELECT p.id FROM payments p JOIN order_lines l ON l.order_id = p.order_id WHERE p.state = 'completed' AND 1 <>
            (SELECT count(*) FROM ledger_entries e
             WHERE e.order_line_id = l.id AND e.kind = 'sale' AND e.transaction_id = p.id)""",
    "a completed payment has one entitlement for each line": """
        SELECT p.id FROM payments p JOIN order_lines l ON l.order_id = p.order_id WHERE p.state = 'completed' AND 1 <>
            (SELECT count(*) FROM entitlements g WHERE g.order_line_id = l.id AND g.order_id = p.order_id
             AND g.user_id = p.user_id AND g.course_id = l.course_id)""",
    "a payment is for what was ordered": """
        SELECT p.id FROM payments p WHERE p.amount_minor IS DISTINCT FROM
            (SELECT sum(amount_minor) FROM order_lines l WHERE l.order_id = p.order_id AND l.currency = p.currency)""",
    "an order is paid when its payment is completed": """
        SELECT o.id FROM orders o LEFT JOIN payments p ON p.order_id = o.id AND p.id = o.transaction_id
        WHERE p.id IS NULL OR (p.state = 'completed') <> (o.state = 'paid')""",
    "what isn't paid has neither entries nor entitlements": """
        SELECT p.id FROM payments p WHERE p.state <> 'completed' AND
            (EXISTS (SELECT FROM ledger_entries e WHERE e.transaction_id = p.id)
             OR EXISTS (SELECT FROM entitlements g WHERE g.order_id = p.order_id))""",
    "a line is reversed when its payment was refunded": """
        SELECT p.id FROM payments p JOIN order_lines l ON l.order_id = p.order_id
        WHERE (p.refunded_at IS NOT NULL) <>
            EXISTS (SELECT FROM ledger_entries e WHERE e.order_line_id = l.id AND e.kind = 'refund')""",
    "an entitlement is taken back when its payment was refunded": """
        SELECT g.id FROM entitlements g JOIN payments p ON p.order_id = g.order_id
        WHERE (p.refunded_at IS NOT NULL) <> (g.revoked_at IS NOT NULL)""",
    "an instructor is never owed less than nothing": """
        SELECT a.id FROM ledger_accounts a JOIN ledger_postings p ON p.account_id = a.id
        WHERE a.kind = 'instructor_payable' GROUP BY a.id HAVING sum(p.amount_minor) > 0""",
    "a message of the provider is acted upon within an hour": """
        SELECT event_id FROM webhook_events WHERE processed_at IS NULL AND received_at < now() - interval '1 hour'""",
}
_CHECKS = {
    rule: text(f"SELECT place::text FROM ({found}) AS broken (place)").columns(column("place", Text))  # noqa: S608
    for rule, found in _RULES.items()
}
_balance = func.sum(tables.ledger_postings.c.amount_minor).cast(BigInteger)
_BALANCES = (
    select(tables.ledger_postings.c.account_id, tables.ledger_postings.c.currency, _balance)
    .group_by(tables.ledger_postings.c.account_id, tables.ledger_postings.c.currency)
    .order_by(tables.ledger_postings.c.account_id)
)


@dataclass(frozen=True, slots=True)
class Broken:
    """A place where a rule doesn't hold."""

    rule: str
    place: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Debits less credits of an account."""

    account_id: str
    currency: str
    minor: int


@dataclass(frozen=True)
class Books:
    broken: list[Broken]
    balances: list[Balance]


@dataclass(frozen=True, slots=True)
class _Place:
    place: str


def check_ledger(rows: Rows) -> Books:
    broken = [Broken(rule, row.place) for rule, check in _CHECKS.items() for row in rows.all(check, _Place)]
    return Books(broken, rows.all(_BALANCES, Balance))
