"""JSON Schemas of the contract's messages: one for what callers send, one for what they get."""

from collections.abc import Iterator
from typing import Any

from buf.validate import validate_pb2
from campus.options.v1 import options_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from gateway.contract import Contract
from gateway.rules import (
    Schema,
    constrained,
    list_rules,
    map_rules,
    may_be_empty,
    refuses_absence,
    rules_of,
    sentences,
)

IN, OUT, QUERY = "in", "out", "query"
F = FieldDescriptorProto
BEHAVIOR: Any = field_behavior_pb2.field_behavior  # its own type stub says too little
SIGNED_32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
UNSIGNED_32 = {"type": "integer", "format": "uint32", "minimum": 0, "maximum": 2**32 - 1}
SIGNED_64 = {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}
UNSIGNED_64 = {"type": "integer", "format": "uint64", "minimum": 0, "maximum": 2**64 - 1}
SCALARS: dict[int, Schema] = {
    F.TYPE_STRING: {"type": "string"},
    F.TYPE_BOOL: {"type": "boolean"},
    F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    F.TYPE_DOUBLE: {"type": "number"},
    F.TYPE_FLOAT: {"type": "number"},
    **dict.fromkeys((F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32), SIGNED_32),
    **dict.fromkeys((F.TYPE_UINT32, F.TYPE_FIXED32), UNSIGNED_32),
    **dict.fromkeys((F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64), SIGNED_64),
    **dict.fromkeys((F.TYPE_UINT64, F.TYPE_FIXED64), UNSIGNED_64),
}
WIDE = (F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64, F.TYPE_UINT64, F.TYPE_FIXED64)
# In answers, numbers of 64 bits are strings: JavaScript's own numbers end at 53.
WIDE_ANSWER = {"type": "string", "pattern": "^-?[0-9]{1,20}$"}
FIELD_PATH = "[a-z][A-Za-z0-9]*(\\.[a-z][A-Za-z0-9]*)*"
WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string", "pattern": f"^({FIELD_PATH}(,{FIELD_PATH})*)?$"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
    },
    "google.protobuf.StringValue": {"type": ["string", "null"]},
    "google.protobuf.BytesValue": {"type": ["string", "null"], "contentEncoding": "base64"},
    "google.protobuf.BoolValue": {"type": ["boolean", "null"]},
    "google.protobuf.Int32Value": SIGNED_32 | {"type": ["integer", "null"]},
    "google.protobuf.UInt32Value": UNSIGNED_32 | {"type": ["integer", "null"]},
    "google.protobuf.Int64Value": {"type": ["string", "integer", "null"]},
    "google.protobuf.UInt64Value": {"type": ["string", "integer", "null"]},
    "google.protobuf.DoubleValue": {"type": ["number", "null"]},
    "google.protobuf.FloatValue": {"type": ["number", "null"]},
}
NOT_IN_A_QUERY = ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue", "google.protobuf.Any")


class Schemas:
    """Makes schemas and keeps those that are referred to by name."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.components: dict[str, Schema] = {}

    def message(self, name: str, way: str, *, without: frozenset[str] = frozenset()) -> Schema:
        """A reference; where some fields come from elsewhere in the request, the rest of the message in place."""
        if name in WELL_KNOWN:
            return dict(WELL_KNOWN[name])
        if without:
            return self.object(name, way, without)
        key = component_name(name, way)
        if key not in self.components:
            self.components[key] = {}  # a message may hold itself
            self.components[key] = self.object(name, way, without)
        return reference(key)

    def object(self, name: str, way: str, without: frozenset[str]) -> Schema:
        message = self.contract.messages[name]
        fields = [field for field in message.field if field.name not in without and travels(field, way)]
        schema: Schema = {"type": "object"}
        rules = message.options.Extensions[validate_pb2.message]
        words = [self.contract.comments.get(name, ""), *(sentences(rules) if way == IN else [])]
        if any(words):
            schema["description"] = "\n".join(filter(None, words))
        schema["properties"] = {field.json_name: self.field(name, field, way) for field in fields}
        if way == OUT:
            return schema
        if required := [field.json_name for field in fields if is_required(field)]:
            schema["required"] = required
        if choices := [choice for index in range(len(message.oneof_decl)) for choice in one_of(message, index, fields)]:
            schema["allOf"] = choices
        return schema

    def field(self, owner: str, field: F, way: str) -> Schema:
        rules = rules_of(field) if way != OUT else validate_pb2.FieldRules()
        entry = self.contract.messages.get(type_name(field))
        if field.label == F.LABEL_REPEATED and entry is not None and entry.options.map_entry:
            values = self.value(entry.field[1], rules.map.values, way)
            schema: Schema = {"type": "object", "additionalProperties": values, **map_rules(rules)}
        elif field.label == F.LABEL_REPEATED:
            schema = {
                "type": "array",
                "items": self.value(field, rules.repeated.items, way),
                **list_rules(rules),
            }
        else:
            schema = self.value(field, rules, way)
        return schema | self.remarks(owner, field, rules, way)

    def remarks(self, owner: str, field: F, rules: validate_pb2.FieldRules, way: str) -> Schema:
        words = [self.contract.comments.get(f"{owner}.{field.name}", ""), *sentences(rules)]
        remarks: Schema = {"description": "\n".join(filter(None, words))} if any(words) else {}
        behavior = behaviors(field)
        if field_behavior_pb2.OUTPUT_ONLY in behavior:
            remarks["readOnly"] = True
        if field_behavior_pb2.INPUT_ONLY in behavior:
            remarks["writeOnly"] = True
        if field.options.deprecated:
            remarks["deprecated"] = True
        if field.options.Extensions[options_pb2.pii]:
            remarks["x-campus-personal-data"] = True
        return remarks

    def value(self, field: F, rules: validate_pb2.FieldRules, way: str) -> Schema:
        name = type_name(field)
        if field.type == F.TYPE_MESSAGE:
            return self.message(name, IN if way == QUERY else way)
        if field.type == F.TYPE_ENUM:
            return self.enum(name, rules, way)
        if field.type in WIDE and way == OUT:
            return dict(WIDE_ANSWER)
        return constrained(SCALARS[field.type], rules)

    def enum(self, name: str, rules: validate_pb2.FieldRules, way: str) -> Schema:
        key = component_name(name, OUT)
        values = self.contract.enums[name].value
        if key not in self.components:
            comments = {value.name: self.contract.comments.get(f"{name}.{value.name}", "") for value in values}
            meaning = "\n".join(f"- `{value}`: {words}" for value, words in comments.items() if words)
            self.components[key] = {
                "type": "string",
                "description": "\n\n".join(filter(None, [self.contract.comments.get(name, ""), meaning])),
                "enum": list(comments),
            }
        if way == OUT:
            return reference(key)
        full = reference(key) | {"x-numbers": [value.number for value in values]}
        narrowed = constrained(full | {"x-names": [value.name for value in values]}, rules)
        return {name: value for name, value in narrowed.items() if name not in ("x-numbers", "x-names")}

    def query(self, message: str, without: frozenset[str], prefix: str = "") -> Iterator[tuple[str, F, Schema]]:
        """The parameters of a query: fields of fields by a dotted name, as deep as messages don't hold themselves."""
        for field in self.contract.messages[message].field:
            path, name = f"{prefix}{field.name}", type_name(field)
            if path in without or not travels(field, IN) or name in NOT_IN_A_QUERY:
                continue
            if field.type != F.TYPE_MESSAGE or name in WELL_KNOWN:
                yield path, field, self.field(message, field, QUERY)
            elif field.label != F.LABEL_REPEATED and path.count(".") < 3:
                yield from self.query(name, without, f"{path}.")

    def find(self, message: str, path: str) -> tuple[str, F]:
        """The field that a dotted path leads to, and the message it stands in."""
        first, _, rest = path.partition(".")
        field = next(field for field in self.contract.messages[message].field if field.name == first)
        return self.find(type_name(field), rest) if rest else (message, field)


def component_name(name: str, way: str) -> str:
    """`campus.catalog.v1.Course` becomes `catalog.Course`; what is sent, unless it is called a request, `...Input`."""
    parts = name.split(".")
    short = ".".join([parts[1], *parts[3:]]) if parts[0] == "campus" else name
    return short if way == OUT or short.endswith("Request") else f"{short}Input"


def reference(key: str) -> Schema:
    return {"$ref": f"#/components/schemas/{key}"}


def type_name(field: F) -> str:
    return field.type_name.removeprefix(".")


def behaviors(field: F) -> list[int]:
    return list(field.options.Extensions[BEHAVIOR])


def travels(field: F, way: str) -> bool:
    """Whether the field goes this way at all."""
    kept_back = field_behavior_pb2.INPUT_ONLY if way == OUT else field_behavior_pb2.OUTPUT_ONLY
    return kept_back not in behaviors(field)


def is_required(field: F) -> bool:
    said = field_behavior_pb2.REQUIRED in behaviors(field) and not may_be_empty(rules_of(field))
    return said or refuses_absence(field)


def one_of(message: DescriptorProto, index: int, fields: list[F]) -> Iterator[Schema]:
    """At most one member of a oneof, and at least one where a rule says so."""
    members = [
        field.json_name
        for field in fields
        if field.HasField("oneof_index") and field.oneof_index == index and not field.proto3_optional
    ]
    for position, first in enumerate(members):
        yield from ({"not": {"required": [first, second]}} for second in members[position + 1 :])
    if members and message.oneof_decl[index].options.Extensions[validate_pb2.oneof].required:
        yield {"anyOf": [{"required": [member]} for member in members]}
