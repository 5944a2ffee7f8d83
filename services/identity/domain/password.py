"""What a password may not be. There are no rules of composition: they make passwords worse (NIST SP 800-63B)."""

from collections.abc import Container

from services.identity.domain.errors import PasswordTooCommon


def refuse_common(password: str, common: Container[str], own: tuple[str, ...], field: str = "password") -> None:
    """Refuses a password that everyone tries first, or that is the account's own address, number or name."""
    plain = password.casefold()
    if plain in common or plain in {word.casefold() for word in own if word}:
        raise PasswordTooCommon(field=field)
