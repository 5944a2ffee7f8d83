"""The write side: one frozen dataclass and one function per command."""

from services.billing.commands.checkout import StartCheckout, start_checkout
from services.billing.commands.entitlements import GrantFreeEntitlement, grant_free_entitlement
from services.billing.commands.settlement import overdue_checkouts, settle_checkout
from services.billing.commands.webhooks import (
    Receipt,
    ReceiveStripeWebhook,
    act_on_webhook,
    postpone_webhook,
    receive_stripe_webhook,
    take_webhook,
)

__all__ = [
    "GrantFreeEntitlement",
    "Receipt",
    "ReceiveStripeWebhook",
    "StartCheckout",
    "act_on_webhook",
    "grant_free_entitlement",
    "overdue_checkouts",
    "postpone_webhook",
    "receive_stripe_webhook",
    "settle_checkout",
    "start_checkout",
    "take_webhook",
]
