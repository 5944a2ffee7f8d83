"""What learning asks its neighbours, word by word, over a channel that the test itself answers."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import grpc_testing
import pytest
from campus.billing.v1 import billing_internal_service_pb2 as pb
from campus.billing.v1 import payment_service_pb2
from google.protobuf.message import Message

from services.chassis.clients import Neighbour
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from services.learning.adapters.billing import BillingNeighbour

SERVICE = pb.DESCRIPTOR.services_by_name["BillingInternalService"]
USER, COURSE = new_id(), new_id()


class Answered(Neighbour):
    """A neighbour whose channel leads to the test."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel


class Billing:
    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        time = grpc_testing.strict_real_time()  # type: ignore[no-untyped-call]
        self._channel = grpc_testing.channel([SERVICE], time)  # type: ignore[no-untyped-call]
        self.adapter = BillingNeighbour(Answered(self._channel))

    def asked(
        self, call: Callable[[], Any], method: str, answer: Message, code: grpc.StatusCode
    ) -> tuple[Any, Future[Any]]:
        """What a call asks, and its outcome once it is answered."""
        outcome = self._pool.submit(call)
        _, request, rpc = self._channel.take_unary_unary(SERVICE.methods_by_name[method])
        rpc.send_initial_metadata(())
        rpc.terminate(answer, (), code, "")
        return request, outcome


@pytest.fixture
def billing() -> Iterator[Billing]:
    with ThreadPoolExecutor(1) as pool:
        yield Billing(pool)


def live(billing: Billing, answer: pb.CheckEntitlementResponse, code: grpc.StatusCode = grpc.StatusCode.OK) -> Any:
    request, outcome = billing.asked(
        lambda: billing.adapter.live_entitlement(USER, COURSE), "CheckEntitlement", answer, code
    )
    assert request == pb.CheckEntitlementRequest(user_id=USER, course_id=COURSE)
    return outcome.result(5)


def test_a_live_entitlement_is_taken_over_with_its_order(billing: Billing) -> None:
    entitlement_id, order_id = new_id(), new_id()
    found = live(
        billing,
        pb.CheckEntitlementResponse(
            entitled=True,
            source=payment_service_pb2.ENTITLEMENT_SOURCE_PURCHASE,
            entitlement_id=entitlement_id,
            order_id=order_id,
        ),
    )
    assert (found.id, found.order_id) == (entitlement_id, order_id)


def test_who_is_not_entitled_has_none(billing: Billing) -> None:
    assert live(billing, pb.CheckEntitlementResponse(entitled=False, entitlement_id=new_id())) is None


def test_a_neighbour_that_fails_without_a_reason_could_not_be_reached(billing: Billing) -> None:
    with pytest.raises(DependencyUnavailable):
        live(billing, pb.CheckEntitlementResponse(), grpc.StatusCode.UNAVAILABLE)
