"""Whether an account has a second factor."""

from dataclasses import dataclass

from sqlalchemy import bindparam, exists, func, select

from services.identity.tables import recovery_codes, totps
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class SecondFactorRow:
    enabled: bool
    recovery_codes_left: int


_ENABLED = exists().where(totps.c.user_id == bindparam("user_id"), totps.c.confirmed_at.is_not(None))
_LEFT = select(func.count()).where(recovery_codes.c.user_id == bindparam("user_id")).scalar_subquery()
_STATE = select(_ENABLED, _LEFT)


@dataclass(frozen=True)
class GetSecondFactor:
    user_id: str


def get_second_factor(query: GetSecondFactor, rows: Rows) -> SecondFactorRow:
    return rows.one(_STATE, SecondFactorRow, {"user_id": query.user_id}) or SecondFactorRow(False, 0)
