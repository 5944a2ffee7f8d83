"""The front door: keys, parameters, headers and errors are Stripe's."""

import re
from typing import Any

import httpx
import pytest
import stripe

from deploy.local.standins.stripe.catalogue import ALL
from tests.deploy.standins.stripe.server import HTTP, KEY, Judge, Standin
from tests.deploy.standins.stripe.specification import specification


def post(standin: Standin, path: str, body: str, **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded", **headers}
    return HTTP.post(f"{standin.url}{path}", content=body, headers=sent)


def test_every_operation_and_parameter_is_in_the_published_document() -> None:
    spec = specification()
    strangers = []
    for operation in [operation for resource in ALL.values() for operation in resource.operations]:
        published = spec.operation(operation.method, re.sub(r"\{[^}]+\}", "x", operation.path))
        if published is None:
            strangers.append(f"{operation.method} {operation.path}")
        else:
            unknown = operation.fields.keys() - spec.parameters(published)
            strangers += [f"{operation.method} {operation.path}: {name}" for name in unknown]
    assert strangers == []


@pytest.mark.parametrize("key", ["sk_test_wrong", KEY[:-1] + "m", KEY + "x"])
def test_a_wrong_key_is_refused(standin: Standin, judge: Judge, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided"):
        standin.client(judge, key=key).customers.list()
    assert judge.status == 401


def test_no_key_is_refused_and_a_basic_key_accepted(standin: Standin) -> None:
    refused = HTTP.get(f"{standin.url}/v1/customers")
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "invalid_request_error")
    assert "Basic" in refused.headers["www-authenticate"]
    assert HTTP.get(f"{standin.url}/v1/customers", auth=(KEY, "")).status_code == 200


def test_only_loopback_is_listened_on(standin: Standin) -> None:
    with open("/proc/net/tcp") as table:  # noqa: PTH123 - not a file one would keep a path of
        lines = [line.split() for line in table.readlines()[1:]]
    addresses = {
        fields[1].split(":")[0] for fields in lines if fields[3] == "0A" and int(fields[1][-4:], 16) == standin.port
    }
    assert addresses == {"0100007F"}


def test_an_unknown_parameter_is_named(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.customers.create(params={"nickname": "x"})
    assert (refusal.value.code, refusal.value.param, refusal.value.http_status) == (
        "parameter_unknown",
        "nickname",
        400,
    )


def test_an_unknown_parameter_inside_a_list_is_named_with_its_place(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.checkout.sessions.create(
            params={"mode": "payment", "success_url": "http://x/", "line_items": [{"quantity": 1}, {"colour": "red"}]}
        )
    assert (refusal.value.code, refusal.value.param) == ("parameter_unknown", "line_items[1][colour]")


def test_a_missing_parameter_is_named(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.payment_intents.create(params={"currency": "usd"})
    assert (refusal.value.code, refusal.value.param) == ("parameter_missing", "amount")


@pytest.mark.parametrize("amount", ["ten", "10.5", "-1", "1e3", "9" * 30])
def test_an_amount_that_is_no_integer_is_refused(client: Any, amount: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.payment_intents.create(params={"amount": amount, "currency": "usd"})
    assert (refusal.value.code, refusal.value.param) == ("parameter_invalid_integer", "amount")


def test_an_empty_value_unsets_or_is_refused(client: Any) -> None:
    customer = client.customers.create(params={"name": "Ada", "description": "first"})
    assert client.customers.update(customer.id, params={"description": ""}).description is None
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.payment_intents.create(params={"amount": 100, "currency": ""})
    assert (refusal.value.code, refusal.value.param) == ("parameter_invalid_empty", "currency")


def test_metadata_is_merged_by_key(client: Any) -> None:
    customer = client.customers.create(params={"metadata": {"course": "latin", "seat": "4"}})
    changed = client.customers.update(customer.id, params={"metadata": {"seat": "", "room": "b"}})
    assert changed.metadata.to_dict() == {"course": "latin", "room": "b"}
    assert client.customers.update(customer.id, params={"metadata": ""}).metadata.to_dict() == {}


def test_lists_may_be_sent_with_or_without_indexes(standin: Standin) -> None:
    by_index = post(standin, "/v1/customers", "preferred_locales[0]=la&preferred_locales[1]=en&expand[]=test_clock")
    assert by_index.status_code == 400  # test_clock is no link here
    plain = post(standin, "/v1/customers", "preferred_locales[1]=en&preferred_locales[0]=la")
    assert plain.json()["preferred_locales"] == ["la", "en"]
    assert post(standin, "/v1/customers", "preferred_locales[]=en&preferred_locales[]=la").json()[
        "preferred_locales"
    ] == ["en", "la"]


@pytest.mark.parametrize(
    "body", ["name=%ff", "name[x]=1", "[]=1", "metadata=a&metadata[b]=c", "metadata[a][b]=c", "a" * 3000 + "=1"]
)
def test_malformed_bodies_are_refused_with_an_error_of_the_right_shape(standin: Standin, body: str) -> None:
    answer = post(standin, "/v1/customers", body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_json_bodies_are_refused(standin: Standin) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    assert HTTP.post(f"{standin.url}/v1/customers", json={"name": "Ada"}, headers=headers).status_code == 400


def test_every_answer_has_an_id_and_echoes_the_version(client: Any, judge: Judge) -> None:
    client.customers.list(options={"stripe_version": "2025-03-31.basil"})
    first = judge.headers["Request-Id"]
    assert judge.headers["Stripe-Version"] == "2025-03-31.basil"
    client.customers.list()
    assert re.fullmatch(r"req_\w{14}", first)
    assert judge.headers["Request-Id"] != first


def test_an_account_that_is_not_connected_is_refused(client: Any) -> None:
    with pytest.raises(stripe.PermissionError, match="acct_nobody"):
        client.customers.list(options={"stripe_account": "acct_nobody"})


def test_an_unknown_url_or_method_is_refused_in_stripes_shape(standin: Standin) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    for method, path in (("GET", "/v1/spaceships"), ("PATCH", "/v1/customers"), ("GET", "/v1/customers/")):
        answer = HTTP.request(method, f"{standin.url}{path}", headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")


def test_what_is_not_there_is_404_in_the_path_and_400_in_a_parameter(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as in_path:
        client.customers.retrieve("cus_nobody")
    with pytest.raises(stripe.InvalidRequestError) as in_body:
        client.payment_intents.create(params={"amount": 100, "currency": "usd", "customer": "cus_nobody"})
    assert (in_path.value.http_status, in_path.value.code, in_path.value.param) == (404, "resource_missing", "id")
    assert (in_body.value.http_status, in_body.value.code, in_body.value.param) == (400, "resource_missing", "customer")


def test_an_id_of_another_kind_is_not_found(client: Any) -> None:
    customer = client.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent"):
        client.payment_intents.retrieve(customer.id)
