"""Refunds: money given back, in whole or in parts, never more than was taken."""

from deploy.local.standins.stripe import cards, ids, money
from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidRequest, Json
from deploy.local.standins.stripe.operations import Resource, create, listing, retrieve, update
from deploy.local.standins.stripe.params import choice, clears, integer, may, merged, metadata, text
from deploy.local.standins.stripe.resources import balance_transactions, charges

KIND = "refund"

_FIELDS = {
    "amount": may(integer(1)),
    "charge": may(text()),
    "metadata": clears(metadata()),
    "payment_intent": may(text()),
    "reason": may(choice("duplicate", "fraudulent", "requested_by_customer")),
}


def _create(call: Call, values: Json) -> Json:
    charge = _charge(call, values)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise InvalidRequest(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = values.get("amount", left)
    if amount > left:
        whole = "charge amount" if charge["amount_refunded"] == 0 else "unrefunded amount on charge"
        raise InvalidRequest(
            f"Refund amount ({money.shown(amount, charge['currency'])}) is greater than {whole} "
            f"({money.shown(left, charge['currency'])})",
            param="amount",
        )
    if charge["balance_transaction"] is None:
        charges.book(call, charge)
    return _give_back(call, charge, amount, values)


def _charge(call: Call, values: Json) -> Json:
    if ("charge" in values) == ("payment_intent" in values):
        raise InvalidRequest(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    if "charge" in values:
        charge = call.referred("charge", values["charge"], "charge")
    else:
        intent = call.referred("payment_intent", values["payment_intent"], "payment_intent")
        if intent["latest_charge"] is None:
            raise _nothing_to_refund(intent["id"])
        charge = call.known("charge", intent["latest_charge"])
    if not charge["captured"] or charge["status"] != "succeeded":
        raise _nothing_to_refund(charge["payment_intent"])
    return charge


def _nothing_to_refund(intent_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.", param="payment_intent"
    )


def _give_back(call: Call, charge: Json, amount: int, values: Json) -> Json:
    refund = {
        "id": ids.new_id(KIND),
        "object": KIND,
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": merged({}, values.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": values.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    refund["balance_transaction"] = balance_transactions.book_refund(call, refund)
    call.add(refund)
    before = dict(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.save(charge)
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge, before)
    call.later(call.clock.now(), "refund.conclude", refund["id"])
    return refund


def _conclude(call: Call, refund_id: str) -> None:
    """The bank's answer, a moment later: a reference, or for one test card a failure."""
    refund = call.known(KIND, refund_id)
    before = dict(refund)
    charge = call.known("charge", refund["charge"])
    if cards.by_last4(charge["payment_method_details"]["card"]["last4"]).refund_fails:
        _fail(call, refund, charge)
    else:
        reference = ids.random_text(16).upper()
        refund["destination_details"] = {
            "card": {
                "reference": reference,
                "reference_status": "available",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        }
    call.save(refund)
    call.emit("refund.updated", refund, before)
    if refund["status"] == "failed":
        call.emit("refund.failed", refund)


def _fail(call: Call, refund: Json, charge: Json) -> None:
    refund["status"] = "failed"
    refund["failure_reason"] = "expired_or_canceled_card"
    refund["failure_balance_transaction"] = balance_transactions.book_failed_refund(call, refund)
    call.save({**charge, "amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False})


def _change(call: Call, values: Json) -> Json:
    refund = call.addressed(KIND)
    before = dict(refund)
    if "metadata" in values:
        refund["metadata"] = merged(refund["metadata"], values["metadata"])
    if refund != before:
        call.save(refund)
        call.emit("refund.updated", refund, before)
    return refund


RESOURCE = Resource(
    kind=KIND,
    operations=(
        create("/v1/refunds", _FIELDS, _create),
        listing("/v1/refunds", KIND, {"charge": text(), "payment_intent": text()}),
        retrieve("/v1/refunds/{id}", KIND),
        update("/v1/refunds/{id}", {"metadata": clears(metadata())}, _change),
    ),
    links=frozenset(
        {"balance_transaction", "charge", "customer", "failure_balance_transaction", "payment_intent", "payment_method"}
    ),
    timers={"refund.conclude": _conclude},
)
