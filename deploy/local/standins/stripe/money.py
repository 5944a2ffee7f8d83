"""Amounts in minor units: the smallest and largest that Stripe charges, and how a person reads them."""

from deploy.local.standins.stripe.errors import InvalidRequest

_ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
_SMALLEST = {
    "aud": 50,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
    "usd": 50,
}
_LARGEST = 99_999_999
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹"}


def shown(amount: int, currency: str) -> str:
    places = 0 if currency in _ZERO_DECIMAL else 3 if currency in _THREE_DECIMAL else 2
    number = f"{amount / 10**places:,.{places}f}"
    return f"{_SIGNS[currency]}{number}" if currency in _SIGNS else f"{number} {currency.upper()}"


def check_chargeable(amount: int, currency: str, param: str = "amount") -> None:
    smallest = _SMALLEST.get(currency, 1)
    if amount < smallest:
        raise InvalidRequest(
            f"Amount must be at least {shown(smallest, currency)} {currency}", code="amount_too_small", param=param
        )
    if amount > _LARGEST:
        raise InvalidRequest(
            f"Amount must be no more than {shown(_LARGEST, currency)}", code="amount_too_large", param=param
        )
