"""All kinds of object of the API; a new kind is one more file in `resources` and one more name here."""

from deploy.local.standins.stripe.operations import Resource
from deploy.local.standins.stripe.resources import (
    balance_transactions,
    charges,
    checkout_sessions,
    customers,
    events,
    payment_intents,
    payment_methods,
    prices,
    products,
    refunds,
    webhook_endpoints,
)

ALL: dict[str, Resource] = {
    module.RESOURCE.kind: module.RESOURCE
    for module in (
        balance_transactions,
        charges,
        checkout_sessions,
        customers,
        events,
        payment_intents,
        payment_methods,
        prices,
        products,
        refunds,
        webhook_endpoints,
    )
}
