"""The control API: rules are understood or refused, time goes forward, scripts are told what happened."""

from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.server import HTTP, Standin


def test_rules_are_listed_counted_down_and_cleared(standin: Standin, client: Any) -> None:
    standin.fault("rate_limit", times=2, path="/v1/prod*")
    standin.fault("delay", seconds=0.01, times=None, method="GET")
    rules = standin.control("GET", "/faults").json()["faults"]
    assert [(rule["kind"], rule["times"]) for rule in rules] == [("rate_limit", 2), ("delay", None)]
    client.customers.create()
    for left in ([1], []):
        with pytest.raises(stripe.RateLimitError):
            client.products.create(params={"name": "x"})
        rules = standin.control("GET", "/faults").json()["faults"]
        assert [rule["times"] for rule in rules if rule["kind"] == "rate_limit"] == left
    assert standin.control("DELETE", "/faults").json() == {"faults": []}


def test_a_rate_is_a_probability(standin: Standin, client: Any) -> None:
    standin.fault("rate_limit", times=None, rate=0.5, path="/v1/events")
    refused = 0
    for _ in range(40):
        try:
            client.events.list(params={"limit": 1})
        except stripe.RateLimitError:
            refused += 1
    assert 5 < refused < 35


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "flood"},
        {"kind": "delay", "colour": 1},
        {"kind": "delay", "id": 7},
        {"kind": "delay", "times": 0},
        {"kind": "delay", "times": "often"},
        {"kind": "delay", "rate": 2},
        {"kind": "delay", "seconds": -1},
        {"kind": "webhook_duplicate", "copies": 0.5},
        {"kind": "delay", "path": 5},
    ],
)
def test_a_rule_that_is_not_understood_is_refused(standin: Standin, rule: dict[str, Any]) -> None:
    assert standin.control("POST", "/faults", rule).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"advance_seconds": -1}, {"advance_seconds": "1"}, {"advance_seconds": True}, {"advance_seconds": 1e300}],
)
def test_time_goes_forward_by_a_number(standin: Standin, body: dict[str, Any]) -> None:
    assert standin.control("POST", "/clock", body).status_code == 400


def test_only_json_is_taken_so_that_no_web_page_can_send_it(standin: Standin) -> None:
    answer = HTTP.post(f"{standin.url}/_control/clock", data={"advance_seconds": "1"})
    assert answer.status_code == 415
    assert (
        HTTP.post(
            f"{standin.url}/_control/clock", content="[1]", headers={"Content-Type": "application/json"}
        ).status_code
        == 400
    )


def test_what_is_not_there_cannot_be_paid(standin: Standin) -> None:
    assert standin.pay("cs_test_nobody").status_code == 404
    assert standin.control("POST", "/sessions/cs_test_nobody/authenticate", {"decision": "approve"}).status_code == 404
    assert standin.control("POST", "/sessions/cs_test_nobody/authenticate", {"decision": "maybe"}).status_code == 400


def test_deliveries_can_be_looked_at(own: Standin, own_client: Any) -> None:
    own_client.webhook_endpoints.create(params={"url": "http://127.0.0.1:9/", "enabled_events": ["customer.created"]})
    own_client.customers.create()
    deliveries = own.control("GET", "/deliveries?state=pending").json()["deliveries"]
    assert [(delivery["type"], delivery["state"]) for delivery in deliveries] == [("customer.created", "pending")]
