"""Identifiers that look like Stripe's: a prefix that tells the kind, then random letters and digits."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits

# kind -> prefix and number of random characters
_FORMS = {
    "balance_transaction": ("txn_3", 23),
    "charge": ("ch_3", 23),
    "checkout.session": ("cs_test_a1", 56),
    "customer": ("cus_", 14),
    "event": ("evt_1", 23),
    "item": ("li_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "price": ("price_1", 23),
    "product": ("prod_", 14),
    "refund": ("re_3", 23),
    "webhook_endpoint": ("we_1", 23),
}


def random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_id(kind: str) -> str:
    prefix, length = _FORMS[kind]
    return prefix + random_text(length)


def new_request_id() -> str:
    return "req_" + random_text(14)
