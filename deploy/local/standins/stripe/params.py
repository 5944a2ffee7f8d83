"""What a request may say: declared fields, read with Stripe's refusals of the unknown, missing and malformed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deploy.local.standins.stripe.errors import InvalidParameters
from deploy.local.standins.stripe.forms import Tree

Reader = Callable[[str | Tree, str], Any]

MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Field:
    """One parameter: how it is read, whether it must come, and whether an empty value unsets it."""

    read: Reader
    required: bool = False
    clearable: bool = False


Fields = Mapping[str, Field]


def must(read: Reader) -> Field:
    return Field(read, required=True)


def may(read: Reader) -> Field:
    return Field(read)


def clears(read: Reader) -> Field:
    return Field(read, clearable=True)


def read_params(tree: Tree, fields: Fields, path: str = "") -> dict[str, Any]:
    """The values that were sent, typed; a name that was not sent is not in the answer."""
    unknown = [_join(path, name) for name in tree if name not in fields]
    if unknown:
        noun = "parameter" if len(unknown) == 1 else "parameters"
        raise InvalidParameters(
            f"Received unknown {noun}: {', '.join(unknown)}", code="parameter_unknown", param=unknown[0]
        )
    values = {name: _read(fields[name], value, _join(path, name)) for name, value in tree.items()}
    for name, field in fields.items():
        if field.required and name not in values:
            param = _join(path, name)
            raise InvalidParameters(f"Missing required param: {param}.", code="parameter_missing", param=param)
    return values


def _read(field: Field, value: str | Tree, param: str) -> Any:
    if value != "":
        return field.read(value, param)
    if field.clearable:
        return None
    raise InvalidParameters(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty "
        "value.",
        code="parameter_invalid_empty",
        param=param,
    )


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def text(maximum: int = 5000) -> Reader:
    def read(value: str | Tree, param: str) -> str:
        if not isinstance(value, str):
            raise InvalidParameters("Invalid string: an object was given", param=param)
        if len(value) > maximum:
            raise InvalidParameters(
                f"Invalid string: {value[:3]}...{value[-3:]}; must be at most {maximum} characters", param=param
            )
        return value

    return read


def integer(minimum: int = 0, maximum: int = MAX_INTEGER) -> Reader:
    def read(value: str | Tree, param: str) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,19}", value):
            raise _bad_integer(f"Invalid integer: {value}", param)
        number = int(value)
        if number < minimum:
            raise _bad_integer(f"This value must be greater than or equal to {minimum}.", param)
        if number > maximum:
            raise _bad_integer(f"This value must be less than or equal to {maximum}.", param)
        return number

    return read


def _bad_integer(message: str, param: str) -> InvalidParameters:
    return InvalidParameters(message, code="parameter_invalid_integer", param=param)


def boolean() -> Reader:
    def read(value: str | Tree, param: str) -> bool:
        if value not in ("true", "false"):
            raise InvalidParameters(f"Invalid boolean: {value}", param=param)
        return value == "true"

    return read


def choice(*allowed: str) -> Reader:
    def read(value: str | Tree, param: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            names = allowed[0] if len(allowed) == 1 else f"{', '.join(allowed[:-1])}, or {allowed[-1]}"
            raise InvalidParameters(f"Invalid {param}: must be one of {names}", param=param)
        return value

    return read


def currency() -> Reader:
    def read(value: str | Tree, param: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z]{3}", value):
            raise InvalidParameters(f"Invalid currency: {value}", param=param)
        return value.lower()

    return read


def email() -> Reader:
    def read(value: str | Tree, param: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", value):
            raise InvalidParameters(f"Invalid email address: {value}", code="email_invalid", param=param)
        return value

    return read


def url() -> Reader:
    def read(value: str | Tree, param: str) -> str:
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidParameters("Not a valid URL", code="url_invalid", param=param)
        return str(value)

    return read


def object_of(fields: Fields) -> Reader:
    def read(value: str | Tree, param: str) -> dict[str, Any]:
        if isinstance(value, str):
            raise InvalidParameters("Invalid object", param=param)
        return read_params(value, fields, param)

    return read


def list_of(item: Reader, maximum: int = 100) -> Reader:
    def read(value: str | Tree, param: str) -> list[Any]:
        if isinstance(value, str) or not all(key.isdigit() for key in value):
            raise InvalidParameters("Invalid array", param=param)
        if len(value) > maximum:
            raise InvalidParameters(f"Array {param} exceeded maximum {maximum} allowed elements.", param=param)
        ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
        return [item(element, f"{param}[{index}]") for index, element in ordered]

    return read


def metadata() -> Reader:
    """Keys and texts; an empty text takes the key away when it is merged into what is there."""

    def read(value: str | Tree, param: str) -> dict[str, str]:
        if isinstance(value, str):
            raise InvalidParameters("Invalid object", param=param)
        if len(value) > 50:
            raise InvalidParameters("Metadata can have up to 50 keys.", param=param)
        for key, content in value.items():
            if len(key) > 40:
                raise InvalidParameters(f"Metadata keys can have up to 40 characters: {key[:40]}", param=param)
            if not isinstance(content, str) or len(content) > 500:
                raise InvalidParameters(
                    f"Metadata values can have up to 500 characters, and are no objects: {key}", param=f"{param}[{key}]"
                )
        return {key: str(content) for key, content in value.items()}

    return read


def merged(current: dict[str, str] | None, sent: dict[str, str] | None) -> dict[str, str]:
    """Metadata after an update: sent as a whole empty value it is cleared, else merged key by key."""
    if sent is None:
        return {}
    return {key: value for key, value in {**(current or {}), **sent}.items() if value != ""}
