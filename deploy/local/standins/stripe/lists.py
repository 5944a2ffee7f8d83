"""Lists in Stripe's form: newest first, cursors by object id, `created` as a moment or a range."""

import json
from collections.abc import Mapping
from typing import Any

from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.errors import InvalidRequest, Json, missing
from deploy.local.standins.stripe.forms import Tree
from deploy.local.standins.stripe.params import Field, integer, may, read_params, text

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def _moment_or_range(value: str | Tree, param: str) -> dict[str, int]:
    if isinstance(value, str):
        return {"eq": integer()(value, param)}
    return read_params(value, {name: may(integer()) for name in _COMPARISONS}, param)


PAGE_FIELDS: Mapping[str, Field] = {
    "limit": may(integer(1, 100)),
    "starting_after": may(text()),
    "ending_before": may(text()),
}
LIST_FIELDS: Mapping[str, Field] = {**PAGE_FIELDS, "created": may(_moment_or_range)}


def page(call: Call, kind: str, values: Json, url: str, wanted: Mapping[str, Any]) -> Json:
    """One page of a kind; `wanted` maps a place in the object to its value, or to a list of possible values."""
    clauses: list[str] = ["kind = ?", "json_extract(body, '$.deleted') IS NULL"]
    arguments: list[Any] = [kind]
    for place, value in wanted.items():
        possible = value if isinstance(value, list) else [value]
        # The place is written by our own code and spelled out, because an index is found by its exact expression.
        clauses.append(f"json_extract(body, '$.{place}') IN ({', '.join('?' * len(possible))})")
        arguments += possible
    for comparison, moment in values.get("created", {}).items():
        clauses.append(f"created {_COMPARISONS.get(comparison, '=')} ?")
        arguments.append(moment)
    return _cut(call, kind, values, url, " AND ".join(clauses), arguments)


def _cut(call: Call, kind: str, values: Json, url: str, where: str, arguments: list[Any]) -> Json:
    limit = values.get("limit", 10)
    after, before = values.get("starting_after"), values.get("ending_before")
    if after and before:
        raise InvalidRequest(
            "Received both ending_before and starting_after parameters. Please pass in only one.",
            param="ending_before",
        )
    if after:
        where, arguments = where + " AND seq < ?", [*arguments, _place(call, kind, after, "starting_after")]
    if before:
        where, arguments = where + " AND seq > ?", [*arguments, _place(call, kind, before, "ending_before")]
    # Towards the newer end the nearest objects come first, and are turned round for the answer.
    order = "ASC" if before else "DESC"
    rows = call.store.sql.execute(
        f"SELECT body FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - our own clauses
        (*arguments, limit + 1),
    ).fetchall()
    data = [json.loads(row["body"]) for row in rows[:limit]]
    if before:
        data.reverse()
    return {"object": "list", "data": data, "has_more": len(rows) > limit, "url": url}


def _place(call: Call, kind: str, object_id: str, param: str) -> int:
    row = call.store.sql.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", (object_id, kind)).fetchone()
    if row is None:
        raise missing(kind, object_id, param, 400)
    return int(row["seq"])


def inline_page(items: list[Json], values: Json, url: str) -> Json:
    """A list of what is kept inside another object, in its own order."""
    limit = values.get("limit", 10)
    start, end = 0, len(items)
    ids = [item["id"] for item in items]
    for param, shift in (("starting_after", 1), ("ending_before", 0)):
        if param in values:
            if values[param] not in ids:
                raise missing("item", values[param], param, 400)
            position = ids.index(values[param])
            start, end = (position + shift, end) if shift else (max(0, position - limit), position)
    chosen = items[start:end][:limit]
    more = start > 0 if "ending_before" in values else end - start > limit
    return {"object": "list", "data": chosen, "has_more": more, "url": url}
