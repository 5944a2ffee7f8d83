"""Names and titles as they stand on a certificate: what can be printed, in one line and one spelling."""

import unicodedata

# They say where words and shapes begin and end, and are invisible themselves: zero width non-joiner and joiner.
_JOINERS = "\u200c\u200d"


# For whom nothing that can be printed was left.
NAMELESS = "—"


def printable(text: str) -> str:
    """The text composed (NFC), without control and formatting characters, and with single spaces. What turns
    the direction of writing goes too, for it could make a name read as another one."""
    kept = (" " if char.isspace() else char for char in text if char.isspace() or _is_printed(char))
    return unicodedata.normalize("NFC", " ".join("".join(kept).split())) or NAMELESS


def _is_printed(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
