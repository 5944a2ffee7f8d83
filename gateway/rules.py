"""Validation rules of the contract (buf.validate) in the words of JSON Schema."""

import re
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

Schema = dict[str, Any]
FORMATS = {
    "email": "email",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "uri": "uri",
    "uri_ref": "uri-reference",
    "uuid": "uuid",
}
NUMBERS = ("int32", "int64", "uint32", "uint64", "sint32", "sint64", "float", "double")
BOUNDS = {"gt": "exclusiveMinimum", "gte": "minimum", "lt": "exclusiveMaximum", "lte": "maximum"}


def rules_of(field: FieldDescriptorProto) -> validate_pb2.FieldRules:
    rules: validate_pb2.FieldRules = field.options.Extensions[validate_pb2.field]
    return rules


def may_be_empty(rules: validate_pb2.FieldRules) -> bool:
    return rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE


def constrained(schema: Schema, rules: validate_pb2.FieldRules) -> Schema:
    """The schema of one value, narrowed by its rules."""
    if rules.ignore == validate_pb2.IGNORE_ALWAYS:
        return schema
    narrowed = dict(schema)
    kind = rules.WhichOneof("type")
    if kind == "string":
        narrowed |= string_rules(rules.string, may_be_empty=may_be_empty(rules))
    elif kind in NUMBERS:
        narrowed |= number_rules(getattr(rules, kind))
    elif kind == "bytes" and rules.bytes.HasField("max_len"):
        narrowed["maxLength"] = (rules.bytes.max_len + 2) // 3 * 4
    elif kind == "enum":
        narrowed = enum_rules(narrowed, rules.enum)
    return narrowed


def string_rules(rules: validate_pb2.StringRules, *, may_be_empty: bool) -> Schema:
    narrowed: Schema = {}
    exact = rules.len if rules.HasField("len") else None
    shortest = exact if exact is not None else rules.min_len
    if shortest and not may_be_empty:
        narrowed["minLength"] = shortest
    if exact is not None or rules.HasField("max_len"):
        narrowed["maxLength"] = exact if exact is not None else rules.max_len
    if rules.HasField("pattern"):
        narrowed["pattern"] = f"^$|{rules.pattern}" if may_be_empty else rules.pattern
    else:
        narrowed |= affix_rules(rules)
    if rules.HasField("const"):
        narrowed["const"] = rules.const
    if getattr(rules, "in"):
        narrowed["enum"] = [*([""] if may_be_empty else []), *getattr(rules, "in")]
    if rules.not_in:
        narrowed["not"] = {"enum": list(rules.not_in)}
    if rules.example:
        narrowed["examples"] = list(rules.example)
    known = next((FORMATS[name] for name in FORMATS if getattr(rules, name)), None)
    if known and may_be_empty:
        narrowed["anyOf"] = [{"const": ""}, {"format": known}]
    elif known:
        narrowed["format"] = known
    return narrowed


def affix_rules(rules: validate_pb2.StringRules) -> Schema:
    if rules.HasField("prefix"):
        return {"pattern": f"^{re.escape(rules.prefix)}"}
    if rules.HasField("suffix"):
        return {"pattern": f"{re.escape(rules.suffix)}$"}
    if rules.HasField("contains"):
        return {"pattern": re.escape(rules.contains)}
    return {}


def number_rules(rules: Any) -> Schema:
    narrowed: Schema = {BOUNDS[name]: getattr(rules, name) for name in BOUNDS if rules.HasField(name)}
    if rules.HasField("const"):
        narrowed["const"] = rules.const
    if getattr(rules, "in"):
        narrowed["enum"] = list(getattr(rules, "in"))
    if rules.not_in:
        narrowed["not"] = {"enum": list(rules.not_in)}
    return narrowed


def enum_rules(schema: Schema, rules: validate_pb2.EnumRules) -> Schema:
    """An enum is a reference to its names in the order of their numbers; `x-numbers` tells which is which."""
    numbers: list[int] = schema.pop("x-numbers", [])
    names: list[str] = schema.pop("x-names", [])
    refused = set(rules.not_in)
    wanted = set(getattr(rules, "in")) or set(numbers)
    if rules.HasField("const"):
        wanted = {rules.const}
    kept = [name for number, name in zip(numbers, names, strict=True) if number in wanted - refused]
    return schema if len(kept) == len(names) else {"type": "string", "enum": kept}


def list_rules(rules: validate_pb2.FieldRules) -> Schema:
    repeated = rules.repeated
    narrowed: Schema = {}
    if repeated.HasField("min_items") and not may_be_empty(rules):
        narrowed["minItems"] = repeated.min_items
    if repeated.HasField("max_items"):
        narrowed["maxItems"] = repeated.max_items
    if repeated.unique:
        narrowed["uniqueItems"] = True
    return narrowed


def map_rules(rules: validate_pb2.FieldRules) -> Schema:
    narrowed: Schema = {}
    if rules.map.HasField("min_pairs") and not may_be_empty(rules):
        narrowed["minProperties"] = rules.map.min_pairs
    if rules.map.HasField("max_pairs"):
        narrowed["maxProperties"] = rules.map.max_pairs
    return narrowed


def refuses_absence(field: FieldDescriptorProto) -> bool:
    """Whether leaving the field out breaks a rule. A field without presence is then judged by its zero value."""
    rules = rules_of(field)
    if rules.required:
        return True
    has_presence = field.HasField("oneof_index") or field.type == FieldDescriptorProto.TYPE_MESSAGE
    if rules.ignore != validate_pb2.IGNORE_UNSPECIFIED:
        return False
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return rules.repeated.min_items > 0 or rules.map.min_pairs > 0
    return not has_presence and refuses_zero(rules)


def refuses_zero(rules: validate_pb2.FieldRules) -> bool:
    kind = rules.WhichOneof("type")
    if kind == "string":
        return refuses_empty_string(rules.string)
    if kind in NUMBERS:
        return refuses_zero_number(getattr(rules, kind))
    if kind == "enum":
        accepted = getattr(rules.enum, "in")
        return 0 in rules.enum.not_in or bool(accepted and 0 not in accepted) or bool(rules.enum.const)
    return kind == "bytes" and rules.bytes.min_len > 0


def refuses_empty_string(rules: validate_pb2.StringRules) -> bool:
    accepted = getattr(rules, "in")
    return (
        rules.min_len > 0
        or rules.len > 0
        or any(getattr(rules, name) for name in FORMATS if name != "uri_ref")
        or (rules.HasField("pattern") and re.search(rules.pattern, "") is None)
        or bool(rules.prefix or rules.suffix or rules.contains or rules.const)
        or bool(accepted and "" not in accepted)
        or "" in rules.not_in
    )


def refuses_zero_number(rules: Any) -> bool:
    accepted = getattr(rules, "in")
    return (
        (rules.HasField("gt") and rules.gt >= 0)
        or (rules.HasField("gte") and rules.gte > 0)
        or (rules.HasField("lt") and rules.lt <= 0)
        or (rules.HasField("lte") and rules.lte < 0)
        or (rules.HasField("const") and rules.const != 0)
        or bool(accepted and 0 not in accepted)
        or 0 in rules.not_in
    )


def sentences(rules: validate_pb2.FieldRules | validate_pb2.MessageRules) -> list[str]:
    """What a rule written as an expression says, in its own words."""
    return [rule.message or rule.id for rule in rules.cel]
