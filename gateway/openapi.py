"""Writes the contract as an OpenAPI 3.1 document: `python -m gateway.openapi <descriptor set>`."""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from gateway.contract import HTTP_BODY, Access, Audience, Binding, Contract, Idempotency, Rpc, Service, load
from gateway.reasons import Reasons
from gateway.rules import rules_of, string_rules
from gateway.schemas import IN, OUT, QUERY, Schemas, is_required

Node = dict[str, Any]
# The comment of an RPC that answers with raw content names its media type.
MEDIA_TYPE = re.compile(r"`([a-z]+/[a-z0-9.+-]+)(?:;[^`]*)?`")
SEGMENTS = re.compile(r"\{([^}=]+)(?:=[^}]*)?\}")
BEARER: Node = {"bearer": []}
KEY_FIELD = "request_id"
INTRODUCTION = """\
One address speaks REST with JSON, gRPC and gRPC-Web. This page describes REST; for gRPC, reflection does.

**Signing in.** Send the access token as `authorization: Bearer <token>`. Each operation says who may call it.

**JSON.** Names are in lowerCamelCase. Times are RFC 3339, durations like `90s`, bytes in Base64. Numbers of 64 bits are
strings in answers. Unknown query parameters are refused.

**Errors.** Every error is a `google.rpc.Status`: `code` is the gRPC code, and `details` hold a `google.rpc.ErrorInfo`
with a stable `reason`. `BadRequest` names invalid fields, `RetryInfo` says when to come back.

**Repeating.** Operations that take an `Idempotency-Key` may be repeated with the same key and content: the answer is
that of the first call.

**Limits.** 100 requests a minute for each user unless the operator says otherwise; `x-ratelimit-remaining` says what
is left. A request body may have 1 MiB. The `x-request-id` of an answer finds the call in the logs.
"""
REPEATING = {
    Idempotency.READ_ONLY: "Reads only: safe to repeat.",
    Idempotency.REQUEST_ID: "Safe to repeat with the same `Idempotency-Key`.",
    Idempotency.NATURAL: "Safe to repeat: it names the state it wants.",
    Idempotency.NONE: "Every call has an effect of its own.",
}


class Document:
    """Builds the document operation by operation."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.schemas = Schemas(contract)
        self.reasons = Reasons(contract)
        self.paths: dict[str, Node] = {}
        self.operation_ids: set[str] = set()

    def build(self) -> Node:
        services = [service for service in self.contract.services if any(rpc.reachable for rpc in service.rpcs)]
        for service in services:
            for rpc in service.rpcs:
                for number, binding in enumerate(rpc.bindings):
                    self.add(service, rpc, binding, number)
        components = self.schemas.components | status_schemas(self.contract)
        return {
            "openapi": "3.1.0",
            "info": {"title": "Campus API", "version": "1", "description": INTRODUCTION},
            "servers": [{"url": "/"}],
            "tags": [{"name": service.short_name, "description": service.comment} for service in services],
            "paths": dict(sorted(self.paths.items())),
            "components": {
                "schemas": dict(sorted(components.items())),
                "responses": {"Error": error_response()},
                "headers": {"RequestId": request_id_header()},
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            },
            "security": [BEARER],
        }

    def add(self, service: Service, rpc: Rpc, binding: Binding, number: int) -> None:
        path, renamed = self.merged(SEGMENTS.sub(r"{\1}", binding.template))
        operation = self.operation(service, rpc, binding, number, renamed)
        if binding.verb.lower() in self.paths.setdefault(path, {}):
            raise ValueError(f"{binding.verb} {path} belongs to two RPCs")
        self.paths[path][binding.verb.lower()] = operation

    def merged(self, path: str) -> tuple[str, dict[str, str]]:
        """Paths that differ only in the names of their variables are one path; the first one's names stand."""
        shape = re.sub(r"\{[^}]+\}", "{}", path)
        known = next((other for other in self.paths if re.sub(r"\{[^}]+\}", "{}", other) == shape), path)
        names = zip(re.findall(r"\{([^}]+)\}", path), re.findall(r"\{([^}]+)\}", known), strict=True)
        return known, dict(names)

    def operation(self, service: Service, rpc: Rpc, binding: Binding, number: int, renamed: dict[str, str]) -> Node:
        identifier = f"{service.short_name}_{rpc.name}" + (f"_{number + 1}" if number else "")
        if identifier in self.operation_ids:
            raise ValueError(f"two operations are called {identifier}")
        self.operation_ids.add(identifier)
        summary, _, rest = rpc.without_reasons.replace("\n", " ").partition(". ")
        operation: Node = {
            "operationId": identifier,
            "tags": [service.short_name],
            "summary": summary.rstrip("."),
            "description": self.description(rpc, rest, number),
        }
        if parameters := [*self.parameters(rpc, binding, renamed)]:
            operation["parameters"] = parameters
        if body := self.request_body(rpc, binding):
            operation["requestBody"] = body
        operation["responses"] = {"200": self.answer(rpc), "default": {"$ref": "#/components/responses/Error"}}
        operation["security"] = security(rpc)
        operation["x-campus-rpc"] = rpc.path.removeprefix("/")
        operation["x-campus-access"] = access_node(rpc.access)
        operation["x-campus-idempotency"] = rpc.idempotency.name
        if rpc.reasons:
            operation["x-campus-reasons"] = list(rpc.reasons)
        return operation

    def description(self, rpc: Rpc, rest: str, number: int) -> str:
        parts = [rest]
        if number:
            parts.append(f"The same as `{rpc.bindings[0].verb} {rpc.bindings[0].template}`.")
        parts.append(f"**Access.** {rpc.access.sentence()}")
        parts.append(f"**Repeating.** {REPEATING[rpc.idempotency]}")
        if rpc.reasons:
            parts.append("**Reasons.**\n\n" + "\n".join(self.reasons.line(rpc, name) for name in rpc.reasons))
        return "\n\n".join(filter(None, parts))

    def parameters(self, rpc: Rpc, binding: Binding, renamed: dict[str, str]) -> list[Node]:
        in_path = [self.path_parameter(rpc, path, renamed[path]) for path in binding.variables]
        elsewhere = frozenset(binding.variables)
        if binding.body != "*":
            elsewhere |= {binding.body} if binding.body else frozenset()
            in_path += self.query_parameters(rpc, elsewhere)
        if rpc.idempotency is Idempotency.REQUEST_ID:
            in_path.append(self.idempotency_key(rpc))
        return in_path

    def path_parameter(self, rpc: Rpc, path: str, name: str) -> Node:
        owner, field = self.schemas.find(rpc.input, path)
        schema = self.schemas.field(owner, field, QUERY)
        description = schema.pop("description", "")
        if schema.get("type") == "string":
            schema.setdefault("minLength", 1)
        return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}

    def query_parameters(self, rpc: Rpc, elsewhere: frozenset[str]) -> list[Node]:
        parameters = []
        for path, field, schema in self.schemas.query(rpc.input, elsewhere):
            description = schema.pop("description", "")
            names = [self.schemas.find(rpc.input, ".".join(path.split(".")[: depth + 1]))[1].json_name
                     for depth in range(path.count(".") + 1)]  # fmt: skip
            parameter: Node = {"name": ".".join(names), "in": "query", "description": description, "schema": schema}
            if is_required(field) and "." not in path:
                parameter["required"] = True
            parameters.append(parameter)
        return parameters

    def idempotency_key(self, rpc: Rpc) -> Node:
        fields = {field.name: field for field in self.contract.messages[rpc.input].field}
        schema: Node = {"type": "string"}
        if KEY_FIELD in fields:
            schema |= string_rules(rules_of(fields[KEY_FIELD]).string, may_be_empty=False)
        return {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Stands for `requestId` where the body has none: makes a repetition safe.",
            "schema": schema,
        }

    def request_body(self, rpc: Rpc, binding: Binding) -> Node | None:
        if not binding.body:
            return None
        if rpc.input == HTTP_BODY:
            return {"required": True, "content": {"*/*": {"schema": {}}}}
        if binding.body == "*":
            without = frozenset(binding.variables)
            schema = self.schemas.message(rpc.input, IN, without=without)
            full = self.schemas.object(rpc.input, IN, without)
            required = bool(full.get("required"))
        else:
            _, field = self.schemas.find(rpc.input, binding.body)
            inner = frozenset(
                path.removeprefix(f"{binding.body}.")
                for path in binding.variables
                if path.startswith(f"{binding.body}.")
            )
            schema = self.schemas.message(field.type_name.removeprefix("."), IN, without=inner)
            required = is_required(field)
        return {"required": required, "content": {"application/json": {"schema": schema}}}

    def answer(self, rpc: Rpc) -> Node:
        headers = {"x-request-id": {"$ref": "#/components/headers/RequestId"}}
        if rpc.output == HTTP_BODY:
            media_type = MEDIA_TYPE.search(rpc.comment)
            content: Node = {media_type[1] if media_type else "application/octet-stream": {}}
            return {"description": "The content as it is.", "headers": headers, "content": content}
        schema = self.schemas.message(rpc.output, OUT)
        words = self.contract.comments.get(rpc.output, "").replace("\n", " ")
        if rpc.server_streaming:
            events = {"schema": {"type": "string"}, "x-campus-event": schema}
            words = f"Server-sent events; the `data` of each is one message as JSON. {words}"
            return {"description": words.strip(), "headers": headers, "content": {"text/event-stream": events}}
        return {
            "description": words or "Done.",
            "headers": headers,
            "content": {"application/json": {"schema": schema}},
        }


def security(rpc: Rpc) -> list[Node]:
    if rpc.access.audience is not Audience.PUBLIC:
        return [BEARER]
    # What a webhook is signed with is not a token of ours.
    return [] if rpc.input == HTTP_BODY else [{}, BEARER]


def access_node(access: Access) -> Node:
    node: Node = {"rule": access.audience.value}
    if access.names:
        node["anyOf"] = list(access.names)
    if access.field:
        node["field"] = access.field
    return node | {"inWords": access.sentence()}


def request_id_header() -> Node:
    return {"description": "Finds this call in the logs.", "schema": {"type": "string"}}


def error_response() -> Node:
    return {
        "description": "The call was refused or failed; `details` say why.",
        "headers": {"x-request-id": {"$ref": "#/components/headers/RequestId"}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/google.rpc.Status"}}},
    }


def status_schemas(contract: Contract) -> dict[str, Node]:
    """The error model: what any call may answer instead of its own message."""
    schemas = Schemas(contract)
    details = []
    for name in ("ErrorInfo", "BadRequest", "RetryInfo"):
        full = f"google.rpc.{name}"
        detail = schemas.object(full, OUT, frozenset())
        kind = {"type": "string", "const": f"type.googleapis.com/{full}"}
        detail["properties"] = {"@type": kind, **detail["properties"]}
        detail["required"] = ["@type"]
        schemas.components[full] = detail
        details.append({"$ref": f"#/components/schemas/{full}"})
    status = {
        "type": "object",
        "description": "What went wrong, for programs (`code`, `details`) and for people (`message`).",
        "properties": {
            "code": {"type": "integer", "description": "The gRPC status code.", "minimum": 1, "maximum": 16},
            "message": {"type": "string", "description": "For developers, in English."},
            "details": {"type": "array", "items": {"anyOf": details}},
        },
        "required": ["code", "message", "details"],
    }
    return schemas.components | {"google.rpc.Status": status}


class Dumper(yaml.SafeDumper):
    """Plain YAML: nothing by reference, long text as text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, as_text)


def document(contract: Contract) -> str:
    head = "# Generated from proto/ by `make gen`. Never edited.\n"
    tree = Document(contract).build()
    return head + yaml.dump(tree, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    sys.stdout.write(document(load(Path(sys.argv[1]))))
