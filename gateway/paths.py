"""The tables of the Lua filter: known paths for `405` with `allow`, and reasons for errors that came without one."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files

from gateway.contract import Binding

VARIABLE = re.compile(r"\{[^}=]+(?:=(?P<segments>[^}]+))?\}")
LUA_MAGIC = re.compile(r"([\^$()%.\[\]*+\-?])")


def lua_filter(bindings: Iterable[Binding], pages: Iterable[str], bare_errors: Mapping[int, str]) -> str:
    """The filter's source: the tables, then the program that is the same for every contract."""
    exact, shaped = known_paths(bindings)
    exact |= dict.fromkeys(pages, ("GET", "HEAD"))
    lines = ["local exact = {"]
    lines += [f"  [{quoted(path)}] = {quoted(', '.join(verbs))}," for path, verbs in sorted(exact.items())]
    lines += ["}", "local shaped = {"]
    for start, shapes in sorted(shaped.items()):
        rows = [
            f"{{{quoted(shape)}, {quoted(', '.join(verbs))}}}" for shape, verbs in sorted(shapes.items(), key=first)
        ]
        lines.append(f"  [{quoted(start)}] = {{{', '.join(rows)}}},")
    lines += ["}", "local bare = {"]
    lines += [f'  ["{code}"] = {quoted(body)},' for code, body in sorted(bare_errors.items())]
    lines.append("}")
    program = files("gateway").joinpath("paths.lua").read_text(encoding="utf-8")
    return "\n".join(lines) + "\n" + program


def known_paths(
    bindings: Iterable[Binding],
) -> tuple[dict[str, tuple[str, ...]], dict[str, dict[str, tuple[str, ...]]]]:
    """Paths without variables, and patterns by the part before their first variable; each with its methods."""
    exact: defaultdict[str, set[str]] = defaultdict(set)
    shaped: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for binding in bindings:
        if binding.variables:
            start = binding.template.partition("{")[0]
            shaped[start][lua_pattern(binding.template)].add(binding.verb)
        else:
            exact[binding.template].add(binding.verb)
    return (
        {path: tuple(sorted(verbs)) for path, verbs in exact.items()},
        {start: {shape: tuple(sorted(verbs)) for shape, verbs in shapes.items()} for start, shapes in shaped.items()},
    )


def lua_pattern(template: str) -> str:
    pattern = "^"
    position = 0
    for variable in VARIABLE.finditer(template):
        pattern += escaped(template[position : variable.start()]) + segments_pattern(variable["segments"] or "*")
        position = variable.end()
    return pattern + escaped(template[position:]) + "$"


def segments_pattern(segments: str) -> str:
    return "/".join({"*": "[^/]+", "**": ".+"}.get(segment, escaped(segment)) for segment in segments.split("/"))


def first(item: tuple[str, tuple[str, ...]]) -> tuple[int, int, str]:
    """A custom verb or a literal is tried before the pattern that would swallow it."""
    shape = item[0]
    return ("[^/]+$" in shape, -len(shape), shape)


def escaped(literal: str) -> str:
    return LUA_MAGIC.sub(r"%\1", literal)


def quoted(text: str) -> str:
    return json.dumps(text)
