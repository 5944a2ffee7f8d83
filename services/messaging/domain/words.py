"""Amounts and foreign words, made fit for a sentence on one line."""

import unicodedata

from services.kernel.money import Money

# ISO 4217: how many digits of the minor unit stand behind the point, where these aren't two.
_WITHOUT = {
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
}
_THREE = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
# Control characters, separators of lines and paragraphs, halves of surrogate pairs.
_UNFIT = {"Cc", "Zl", "Zp", "Cs"}


def amount(money: Money) -> str:
    """For example `49.90 EUR`."""
    digits = 0 if money.currency in _WITHOUT else 3 if money.currency in _THREE else 2
    sign, units = ("-", -money.amount_minor) if money.amount_minor < 0 else ("", money.amount_minor)
    whole, part = divmod(units, 10**digits)
    return f"{sign}{whole}{f'.{part:0{digits}}' if digits else ''} {money.currency}"


def one_line(text: str) -> str:
    """Without line breaks and control characters, so that it can end neither a line nor a mail's header."""
    return " ".join("".join(" " if unicodedata.category(sign) in _UNFIT else sign for sign in text).split())
