"""The code by which anyone can verify a certificate: too many to guess, few enough signs to read out."""

import secrets

# Crockford's base 32: no letter that is easily taken for a digit, and no U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP = 7, 4  # 28 signs of 5 bits each: 140 bits

_READ_AS = str.maketrans("OIL", "011")


def new_code() -> str:
    """Like `7K3M-Q0ZT-...`, by chance alone."""
    return grouped("".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP)))


def grouped(signs: str) -> str:
    return "-".join(signs[at : at + GROUP] for at in range(0, len(signs), GROUP))


def read_code(typed: str) -> str:
    """The code that someone typed, whatever they made of its dashes, case and look-alikes; empty if it can't be one."""
    signs = typed.replace("-", "").replace(" ", "").upper().translate(_READ_AS)
    if len(signs) != GROUPS * GROUP or not set(signs) <= set(ALPHABET):
        return ""
    return grouped(signs)
