"""Balance transactions: what a charge or a refund does to the account, fees included."""

from deploy.local.standins.stripe import cards, ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import Json
from deploy.local.standins.stripe.operations import Resource, listing, retrieve
from deploy.local.standins.stripe.params import currency, text

KIND = "balance_transaction"

_SETTLING_SECONDS = 2 * 86_400


def book_charge(call: Call, charge: Json) -> str:
    """Put captured money on the balance, less the fee of 2.9 % and 30 minor units."""
    amount = charge["amount_captured"]
    fee = (amount * 29 + 500) // 1000 + 30
    card = cards.by_last4(charge["payment_method_details"]["card"]["last4"])
    delay = 0 if card.available_at_once else _SETTLING_SECONDS
    return _book(call, charge, "charge", amount, fee, delay)


def book_refund(call: Call, refund: Json) -> str:
    return _book(call, refund, "refund", -refund["amount"], 0, 0)


def book_failed_refund(call: Call, refund: Json) -> str:
    return _book(call, refund, "refund_failure", refund["amount"], 0, 0)


def _book(call: Call, source: Json, kind: str, amount: int, fee: int, delay: int) -> str:
    available_on = call.now() + delay
    details = {"amount": fee, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    entry = {
        "id": ids.new_id(KIND),
        "object": KIND,
        "amount": amount,
        "available_on": available_on,
        "balance_type": "payments",
        "created": call.now(),
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [{**details, "description": "Stripe processing fees"}] if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "status": "pending" if delay else "available",
        "type": kind,
    }
    if delay:
        call.later(available_on, "balance_transaction.available", entry["id"])
    return str(call.add(entry)["id"])


def _become_available(call: Call, entry_id: str) -> None:
    call.save({**call.known(KIND, entry_id), "status": "available"})


RESOURCE = Resource(
    kind=KIND,
    operations=(
        listing("/v1/balance_transactions", KIND, {"currency": currency(), "source": text(), "type": text()}),
        retrieve("/v1/balance_transactions/{id}", KIND),
    ),
    links=frozenset({"source"}),
    timers={"balance_transaction.available": _become_available},
)
