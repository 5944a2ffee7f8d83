"""The read side: one frozen dataclass and one function per query."""

from services.billing.queries.entitlements import (
    CheckAccess,
    CheckEntitlement,
    EntitlementRow,
    ListEntitlements,
    check_access,
    check_entitlement,
    list_entitlements,
)
from services.billing.queries.ledger import check_ledger
from services.billing.queries.payments import GetPayment, ListPayments, PaymentRow, get_payment, list_payments

__all__ = [
    "CheckAccess",
    "CheckEntitlement",
    "EntitlementRow",
    "GetPayment",
    "ListEntitlements",
    "ListPayments",
    "PaymentRow",
    "check_access",
    "check_entitlement",
    "check_ledger",
    "get_payment",
    "list_entitlements",
    "list_payments",
]
