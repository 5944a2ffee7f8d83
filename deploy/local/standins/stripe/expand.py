"""`expand[]`: ids in an answer replaced by the objects they name, to four levels, through lists by `data.`"""

import copy
from collections.abc import Mapping

from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidParameters, Json
from deploy.local.standins.stripe.operations import Resource

_MAX_LEVELS = 4


class Expander:
    """Knows from the resources which fields can be expanded."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources
        # A hash inside an object has no kind of its own: links in it are declared with a dot by the object's resource.
        self._nested = {
            link.rpartition(".")[2] for resource in resources.values() for link in resource.links if "." in link
        }

    def expanded(self, call: Call, answer: Json, paths: list[str]) -> Json:
        answer = copy.deepcopy(answer)
        for path in paths:
            parts = path.split(".")
            if len(parts) > _MAX_LEVELS:
                raise InvalidParameters(
                    f"You cannot expand more than {_MAX_LEVELS} levels of a property. Property: {path}", param="expand"
                )
            self._walk(call, answer, parts, path)
        return answer

    def _walk(self, call: Call, node: Json, parts: list[str], path: str) -> None:
        if not parts:
            return
        if node.get("object") == "list" and parts[0] == "data":
            for element in node["data"]:
                self._walk(call, element, parts[1:], path)
            return
        child = self._child(call, node, parts[0], path)
        if isinstance(child, dict):
            self._walk(call, child, parts[1:], path)

    def _child(self, call: Call, node: Json, name: str, path: str) -> object:
        """The value of a field; an id there, or what is left out by default, is filled in first."""
        value = node.get(name)
        if isinstance(value, dict):
            return value
        resource = self._resources.get(str(node.get("object")))
        if resource is not None and name in resource.included:
            node[name] = resource.included[name](call, node)
        elif name not in (self._nested if resource is None else resource.links):
            raise InvalidParameters(f"This property cannot be expanded ({path}).", param="expand")
        elif isinstance(value, str):
            node[name] = call.known(name, value)
        return node.get(name)
