"""How a resource declares what it offers: operations, expandable fields and timers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import Json
from deploy.local.standins.stripe.lists import LIST_FIELDS, page
from deploy.local.standins.stripe.params import Field, Fields, Reader, list_of, may, text

EXPAND: Fields = {"expand": may(list_of(text()))}


@dataclass(frozen=True)
class Operation:
    """One method on one path: its parameters and what it does with them."""

    method: str
    path: str
    params: Fields
    run: Callable[[Call, Json], Json]

    @property
    def fields(self) -> Fields:
        return self.params if self.method == "DELETE" else {**self.params, **EXPAND}


Compute = Callable[[Call, Json], object]


@dataclass(frozen=True)
class Resource:
    """Everything that one kind of object brings to the API."""

    kind: str
    operations: tuple[Operation, ...]
    # Fields that hold the id of another object and can be expanded into it.
    links: frozenset[str] = frozenset()
    # Fields that real Stripe leaves out unless they are asked for by `expand`.
    included: Mapping[str, Compute] = field(default_factory=dict)
    # What happens by itself, at a time that was set by `Call.later`.
    timers: Mapping[str, Callable[[Call, str], None]] = field(default_factory=dict)


def create(path: str, params: Fields, run: Callable[[Call, Json], Json]) -> Operation:
    return Operation("POST", path, params, run)


# An update or an action on an object is a POST as well; the other name keeps the declarations readable.
update = create


def delete(path: str, run: Callable[[Call, Json], Json]) -> Operation:
    return Operation("DELETE", path, {}, run)


def retrieve(path: str, kind: str, run: Callable[[Call, Json], Json] | None = None) -> Operation:
    return Operation("GET", path, {}, run or (lambda call, _: call.addressed(kind)))


def listing(
    path: str,
    kind: str,
    filters: Mapping[str, Reader] | None = None,
    places: Mapping[str, str] | None = None,
    fields: Fields = LIST_FIELDS,
) -> Operation:
    """A list of a kind, newest first, filtered on the fields of the given names, or the `places` where they stand."""
    names: Mapping[str, Reader] = filters or {}
    params: dict[str, Field] = {**fields, **{name: may(reader) for name, reader in names.items()}}

    def run(call: Call, values: Json) -> Json:
        wanted = {(places or {}).get(name, name): values[name] for name in names if name in values}
        return page(call, kind, values, path, wanted)

    return Operation("GET", path, params, run)
