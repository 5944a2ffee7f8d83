"""Stripe's form encoding: bracketed keys become a tree, `items[0][price]=x` and `expand[]=y` included."""

import re
from urllib.parse import parse_qsl

from deploy.local.standins.stripe.errors import InvalidParameters

Tree = dict[str, "str | Tree"]

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(text: str) -> Tree:
    tree: Tree = {}
    for key, value in parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=2000):
        _put(tree, _parts(key), value, key)
    return tree


def _parts(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise InvalidParameters(f"Invalid parameter name: {key}", param=key)
    return [match[1], *_PART.findall(match[2])]


def _put(tree: Tree, parts: list[str], value: str, key: str) -> None:
    node = tree
    for part in parts[:-1]:
        child = node.setdefault(part or str(len(node)), {})
        if isinstance(child, str):
            raise InvalidParameters(f"Parameter {key} is both a value and an object.", param=key)
        node = child
    last = parts[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise InvalidParameters(f"Parameter {key} is both a value and an object.", param=key)
    node[last] = value
