"""Charges: each attempt to take money for a payment intent, successful or not."""

from deploy.local.standins.stripe import cards, ids
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import Json
from deploy.local.standins.stripe.lists import page
from deploy.local.standins.stripe.operations import Resource, listing, retrieve, update
from deploy.local.standins.stripe.params import clears, email, merged, metadata, text
from deploy.local.standins.stripe.resources import balance_transactions

KIND = "charge"


def new_charge(call: Call, intent: Json, method: Json, decline: cards.Decline | None) -> Json:
    captured = decline is None and intent["capture_method"] != "manual"
    charge_id = ids.new_id(KIND)
    charge = {
        "id": charge_id,
        "object": KIND,
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "CAMPUS",
        "captured": captured,
        "created": call.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _method_details(intent, method),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{call.public_url}/receipts/{charge_id}" if decline is None else None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded" if decline is None else "failed",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    call.add(charge)
    # With automatic_async the money is booked a moment later, and the charge says so in an update.
    if captured and intent["capture_method"] == "automatic_async":
        call.later(call.clock.now(), "charge.settle", charge_id)
    elif captured:
        book(call, charge)
    call.emit("charge.succeeded" if decline is None else "charge.failed", charge)
    return charge


def book(call: Call, charge: Json) -> Json:
    charge["balance_transaction"] = balance_transactions.book_charge(call, charge)
    return call.save(charge)


def _settle(call: Call, charge_id: str) -> None:
    charge = call.known(KIND, charge_id)
    if charge["balance_transaction"] is None:
        before = dict(charge)
        call.emit("charge.updated", book(call, charge), before)


def _outcome(decline: cards.Decline | None) -> Json:
    approved = decline is None
    return {
        "advice_code": None if approved else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None if approved else "01",
        "network_status": "approved_by_network" if approved else "declined_by_network",
        "reason": None if decline is None else decline.decline_code,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete." if approved else "The bank did not return any further details.",
        "type": "authorized" if approved else "issuer_declined",
    }


def _method_details(intent: Json, method: Json) -> Json:
    card = method["card"]
    return {
        "card": {
            "amount_authorized": intent["amount"],
            "authorization_code": None,
            "brand": card["brand"],
            "checks": dict(card["checks"]),
            "country": card["country"],
            "exp_month": card["exp_month"],
            "exp_year": card["exp_year"],
            "fingerprint": card["fingerprint"],
            "funding": card["funding"],
            "installments": None,
            "last4": card["last4"],
            "mandate": None,
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": ids.random_text(15),
            "regulated_status": card["regulated_status"],
            "three_d_secure": None,
            "wallet": None,
        },
        "type": "card",
    }


def _change(call: Call, values: Json) -> Json:
    charge = call.addressed(KIND)
    before = dict(charge)
    for name in ("description", "receipt_email", "transfer_group"):
        if name in values:
            charge[name] = values[name]
    if "metadata" in values:
        charge["metadata"] = merged(charge["metadata"], values["metadata"])
    if charge != before:
        call.save(charge)
        call.emit("charge.updated", charge, before)
    return charge


def _refunds(call: Call, charge: Json) -> Json:
    return page(call, "refund", {}, f"/v1/charges/{charge['id']}/refunds", {"charge": charge["id"]})


RESOURCE = Resource(
    kind=KIND,
    operations=(
        listing("/v1/charges", KIND, {"customer": text(), "payment_intent": text(), "transfer_group": text()}),
        retrieve("/v1/charges/{id}", KIND),
        update(
            "/v1/charges/{id}",
            {
                "description": clears(text(40_000)),
                "metadata": clears(metadata()),
                "receipt_email": clears(email()),
                "transfer_group": clears(text()),
            },
            _change,
        ),
    ),
    links=frozenset({"balance_transaction", "customer", "failure_balance_transaction", "payment_intent"}),
    included={"refunds": _refunds},
    timers={"charge.settle": _settle},
)
