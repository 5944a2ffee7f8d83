"""Deeds as the audit log keeps them."""

from datetime import datetime

from services.identity.domain.audit import Deed
from services.identity.domain.user import Role, User

OPERATOR = "operator"


def roles_deed(actor: str, action: str, user: User, before: frozenset[Role], now: datetime) -> Deed:
    return Deed(actor, action, user.id, {"roles": sorted(before)}, {"roles": sorted(user.roles)}, now)
