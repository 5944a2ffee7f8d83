"""What must be true between the contract and the code, as functions that list what isn't."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable
from types import ModuleType

from campus.types.v1 import errors_pb2 as general

from gateway.contract import Contract, Rpc
from services.chassis.server import snake
from services.kernel.errors import CampusError, Refused

QUERY_VERBS = ("Get", "List", "Search", "BatchGet", "Check", "Watch", "Download", "Verify")


def unmet(contract: Contract, owner: str, commands: ModuleType, queries: ModuleType) -> list[str]:
    """RPCs of a service without a function, on the wrong side, or without a comment."""
    found = []
    for rpc in (rpc for rpc in contract.rpcs if contract.owner_of(rpc) == owner):
        is_query = rpc.name.startswith(QUERY_VERBS)
        here, there = (queries, commands) if is_query else (commands, queries)
        name = snake(rpc.name)
        if not inspect.isfunction(getattr(here, name, None)):
            found.append(f"{rpc.path} has no function {here.__name__}.{name}")
        if hasattr(there, name):
            found.append(f"{rpc.path} has a function on the wrong side: {there.__name__}.{name}")
        if len(rpc.comment.split()) < 3:
            found.append(f"{rpc.path} has no comment")
        if is_query != (rpc.idempotency.name == "READ_ONLY"):
            found.append(f"{rpc.path} is a {'query' if is_query else 'command'} and says {rpc.idempotency.name}")
    return found


def refusals_of(package: str) -> set[type[CampusError]]:
    """Every named refusal that the modules of a package define."""
    module = importlib.import_module(package)
    names = [package, *(info.name for info in pkgutil.walk_packages(module.__path__, f"{package}."))]
    found: set[type[CampusError]] = set()
    for name in (name for name in names if "migrations" not in name and not name.endswith("__main__")):
        for thing in vars(importlib.import_module(name)).values():
            if inspect.isclass(thing) and issubclass(thing, CampusError) and thing.__module__ == name:
                found.add(thing)
    return found


def reason(refusal: type[CampusError]) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", refusal.__name__).upper()


def differing_reasons(refusals: Iterable[type[CampusError]], contract_reasons: Iterable[str], base: str) -> list[str]:
    """Refusals that the contract doesn't name, and reasons of the contract that nothing in the code is called by."""
    coded = {reason(refusal) for refusal in refusals if refusal.__name__ not in (base, Refused.__name__)}
    named = set(contract_reasons) - {"REASON_UNSPECIFIED"}
    return [f"{each} is not in errors.proto" for each in sorted(coded - named)] + [
        f"{each} is in errors.proto and nowhere in the code" for each in sorted(named - coded)
    ]


def unknown_reasons(rpcs: Iterable[Rpc], own: Iterable[str]) -> list[str]:
    """Reasons that an RPC's comment promises and no errors.proto has."""
    known = {*own, *general.Reason.keys()}
    return [f"{rpc.path} promises {each}" for rpc in rpcs for each in rpc.reasons if each not in known]
