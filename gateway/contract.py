"""Reads the contract from a descriptor set: who may call which RPC, over which paths, and what its authors say."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from campus.options.v1 import options_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.message import Message

HTTP: Any = annotations_pb2.http  # its own type stub says too little
OURS = "campus."
HTTP_BODY = "google.api.HttpBody"
NAMED_PARTS = {"service", "method", "message_type", "nested_type", "field", "enum_type", "value"}
VERBS = ("get", "put", "post", "delete", "patch")
# Words for buf in a comment are not words for a reader.
TOOL_LINE = re.compile(r"^\s*buf:lint:.*$", re.MULTILINE)
REASONS = re.compile(r"^Reasons?:\s*(?P<list>.+?)\s*(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


class ContractError(Exception):
    """The contract leaves out what it has to say."""


class Audience(Enum):
    """Which kind of caller an access rule lets in."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    ROLES = "roles"
    OWNER = "owner"
    SERVICES = "services"


class Idempotency(Enum):
    """What a repeated call does."""

    READ_ONLY = options_pb2.IDEMPOTENCY_READ_ONLY
    REQUEST_ID = options_pb2.IDEMPOTENCY_REQUEST_ID
    NATURAL = options_pb2.IDEMPOTENCY_NATURAL
    NONE = options_pb2.IDEMPOTENCY_NONE


@dataclass(frozen=True, slots=True)
class Access:
    """The access rule of one RPC."""

    audience: Audience
    names: tuple[str, ...] = ()
    field: str = ""

    def sentence(self) -> str:
        any_of = " or ".join(self.names)
        match self.audience:
            case Audience.PUBLIC:
                return "Anyone may call this, signed in or not."
            case Audience.SIGNED_IN:
                return "Any signed-in user may call this."
            case Audience.ROLES:
                return f"Signed-in users with the role {any_of} may call this."
            case Audience.OWNER:
                others = f", or a user with the role {any_of}" if any_of else ""
                return f"The signed-in user whom `{self.field}` belongs to may call this{others}."
            case Audience.SERVICES:
                return f"Only these services of the mesh may call this: {', '.join(self.names)}."


@dataclass(frozen=True, slots=True)
class Binding:
    """One REST method and path of an RPC."""

    verb: str
    template: str
    body: str

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\{([^}=]+)", self.template))


@dataclass(frozen=True, slots=True)
class Rpc:
    """One method of one proto service."""

    service: str
    name: str
    input: str
    output: str
    server_streaming: bool
    client_streaming: bool
    access: Access
    idempotency: Idempotency
    bindings: tuple[Binding, ...]
    comment: str

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"

    @property
    def streaming(self) -> bool:
        return self.server_streaming or self.client_streaming

    @property
    def reachable(self) -> bool:
        """Whether callers outside the mesh may reach it at all."""
        return self.access.audience is not Audience.SERVICES

    @property
    def reasons(self) -> tuple[str, ...]:
        found = REASONS.search(self.comment)
        return tuple(re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", found["list"])) if found else ()

    @property
    def without_reasons(self) -> str:
        return REASONS.sub("", self.comment).strip()


@dataclass(frozen=True, slots=True)
class Service:
    """One proto service; `owner` is the service of the mesh that runs it."""

    name: str
    owner: str
    comment: str
    rpcs: tuple[Rpc, ...]

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole contract. Messages, enums and comments are keyed by full name without a leading dot."""

    services: tuple[Service, ...]
    messages: Mapping[str, DescriptorProto]
    enums: Mapping[str, EnumDescriptorProto]
    comments: Mapping[str, str]

    @property
    def rpcs(self) -> tuple[Rpc, ...]:
        return tuple(rpc for service in self.services for rpc in service.rpcs)

    @property
    def reachable(self) -> tuple[Rpc, ...]:
        return tuple(rpc for rpc in self.rpcs if rpc.reachable)

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(sorted({service.owner for service in self.services}))

    def owner_of(self, rpc: Rpc) -> str:
        return next(service.owner for service in self.services if service.name == rpc.service)


def load(descriptors: Path) -> Contract:
    """Read a descriptor set. Comments are there only if it was built with source information."""
    return parse(FileDescriptorSet.FromString(descriptors.read_bytes()))


def parse(descriptors: FileDescriptorSet) -> Contract:
    comments: dict[str, str] = {}
    messages: dict[str, DescriptorProto] = {}
    enums: dict[str, EnumDescriptorProto] = {}
    services: list[Service] = []
    problems: list[str] = []
    for file in descriptors.file:
        comments.update(file_comments(file))
        for name, message in named_messages(file):
            messages[name] = message
            enums.update({f"{name}.{enum.name}": enum for enum in message.enum_type})
        enums.update({f"{file.package}.{enum.name}": enum for enum in file.enum_type})
        if file.package.startswith(OURS):
            services.extend(read_service(file, service, comments, problems) for service in file.service)
    if problems:
        raise ContractError("\n".join(problems))
    return Contract(tuple(sorted(services, key=lambda service: service.name)), messages, enums, comments)


def read_service(
    file: FileDescriptorProto, service: ServiceDescriptorProto, comments: Mapping[str, str], problems: list[str]
) -> Service:
    name = f"{file.package}.{service.name}"
    rpcs = []
    for method in service.method:
        try:
            rpcs.append(read_rpc(name, method, comments.get(f"{name}.{method.name}", "")))
        except ContractError as error:
            problems.append(str(error))
    return Service(name, file.package.split(".")[1], comments.get(name, ""), tuple(rpcs))


def read_rpc(service: str, method: MethodDescriptorProto, comment: str) -> Rpc:
    where = f"{service}.{method.name}"
    access = read_access(where, method.options.Extensions[options_pb2.access])
    idempotency = method.options.Extensions[options_pb2.idempotency]
    if idempotency == options_pb2.IDEMPOTENCY_UNSPECIFIED:
        raise ContractError(f"{where}: says not what a repeated call does (campus.options.v1.idempotency)")
    bindings = tuple(read_bindings(method))
    if bindings and access.audience is Audience.SERVICES:
        raise ContractError(f"{where}: is for services of the mesh and yet has a REST path")
    if not bindings and access.audience is not Audience.SERVICES:
        raise ContractError(f"{where}: has no REST path (google.api.http)")
    return Rpc(
        service=service,
        name=method.name,
        input=method.input_type.removeprefix("."),
        output=method.output_type.removeprefix("."),
        server_streaming=method.server_streaming,
        client_streaming=method.client_streaming,
        access=access,
        idempotency=Idempotency(idempotency),
        bindings=bindings,
        comment=comment,
    )


def read_access(where: str, rule: options_pb2.Access) -> Access:
    match rule.WhichOneof("rule"):
        case "public" if rule.public:
            return Access(Audience.PUBLIC)
        case "signed_in" if rule.signed_in:
            return Access(Audience.SIGNED_IN)
        case "roles" if rule.roles.any_of:
            return Access(Audience.ROLES, tuple(rule.roles.any_of))
        case "owner" if rule.owner.field:
            return Access(Audience.OWNER, tuple(rule.owner.or_any_of), rule.owner.field)
        case "services" if rule.services.any_of:
            return Access(Audience.SERVICES, tuple(rule.services.any_of))
    raise ContractError(f"{where}: says not who may call it (campus.options.v1.access)")


def read_bindings(method: MethodDescriptorProto) -> Iterator[Binding]:
    if not method.options.HasExtension(HTTP):
        return
    first = method.options.Extensions[HTTP]
    for rule in (first, *first.additional_bindings):
        yield Binding(*verb_and_path(rule), rule.body)


def verb_and_path(rule: http_pb2.HttpRule) -> tuple[str, str]:
    verb = rule.WhichOneof("pattern")
    if verb == "custom":
        return rule.custom.kind, rule.custom.path
    if verb not in VERBS:
        raise ContractError(f"an HTTP rule names no verb: {rule}")
    return verb.upper(), str(getattr(rule, verb))


def named_messages(file: FileDescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    waiting = [(f"{file.package}.{message.name}", message) for message in file.message_type]
    while waiting:
        name, message = waiting.pop()
        yield name, message
        waiting.extend((f"{name}.{nested.name}", nested) for nested in message.nested_type)


def file_comments(file: FileDescriptorProto) -> dict[str, str]:
    """Leading comments by full name. A location is a path of field numbers and indexes through the descriptor."""
    found = {}
    for location in file.source_code_info.location:
        text = TOOL_LINE.sub("", location.leading_comments).strip()
        name = name_at(file, location.path)
        if text and name:
            found[name] = "\n".join(line.strip() for line in text.splitlines())
    return found


def name_at(file: FileDescriptorProto, path: Sequence[int]) -> str | None:
    """Resolve a source location to the full name of what it describes; None for an option, a label or the like."""
    names = [file.package]
    node: Message = file
    for number, index in zip(path[::2], path[1::2], strict=False):
        field = node.DESCRIPTOR.fields_by_number.get(number)
        if field is None or field.name not in NAMED_PARTS:
            return None
        node = getattr(node, field.name)[index]
        names.append(str(getattr(node, "name", "")))
    return ".".join(names) if len(names) > 1 and len(path) % 2 == 0 else None
