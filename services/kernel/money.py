"""Money in integer minor units of one currency; nothing here knows fractions."""

from dataclasses import dataclass


@dataclass(frozen=True, order=False)
class Money:
    """An amount in the minor unit of an ISO 4217 currency. Amounts of different currencies never meet."""

    currency: str
    amount_minor: int

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or not (self.currency.isascii() and self.currency.isupper()):
            raise ValueError("a currency is three upper-case letters")

    def __add__(self, other: "Money") -> "Money":
        return Money(self._same(other), self.amount_minor + other.amount_minor)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self._same(other), self.amount_minor - other.amount_minor)

    def _same(self, other: "Money") -> str:
        if other.currency != self.currency:
            raise ValueError("amounts of different currencies can't be added")
        return self.currency
