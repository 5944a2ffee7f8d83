"""The running mesh, and callers of every kind."""

import time
import uuid
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.local import journey
from deploy.local.journey import CourseDraft, Student
from deploy.local.mesh import Mesh
from deploy.local.rest import Json, Rest
from tests.e2e.stripe_control import StripeControl


@pytest.fixture(scope="session")
def rest(mesh: Mesh) -> Iterator[Rest]:
    """Nobody in particular."""
    with Rest(mesh.url) as found:
        yield found


@pytest.fixture(scope="session")
def instructor(mesh: Mesh, rest: Rest) -> Rest:
    return rest.signed_in(*mesh.description()["accounts"]["instructor"].split())


@pytest.fixture(scope="session")
def admin(mesh: Mesh, rest: Rest) -> Rest:
    return rest.signed_in(*mesh.description()["accounts"]["admin"].split())


@pytest.fixture
def student(rest: Rest) -> Student:
    return journey.register(rest)


@pytest.fixture
def other(rest: Rest) -> Student:
    return journey.register(rest, "Someone Else")


@pytest.fixture(scope="session")
def paid_course(instructor: Rest) -> Json:
    return journey.publish_course(instructor, CourseDraft(f"Paid course {uuid.uuid4().hex[:6]}"))


@pytest.fixture(scope="session")
def free_course(instructor: Rest) -> Json:
    return journey.publish_course(instructor, CourseDraft(f"Free course {uuid.uuid4().hex[:6]}", price_minor=0))


@pytest.fixture
def stripe(mesh: Mesh) -> Iterator[StripeControl]:
    """The payment stand-in's switches; whatever was switched is switched back."""
    found = StripeControl(mesh)
    yield found
    found.no_faults()


@pytest.fixture(scope="session")
def forge(mesh: Mesh) -> "Forge":
    return Forge(mesh)


class Forge:
    """Signs tokens with identity's own key, to see which of them are accepted all the same."""

    def __init__(self, mesh: Mesh) -> None:
        self._key = load_pem_private_key(mesh.plan.pki.signing_key.read_bytes(), None)

    def token(self, like: str, **claims: object) -> str:
        """A token as `like`, with these claims instead; None leaves a claim out."""
        header = jwt.get_unverified_header(like)
        payload = jwt.decode(like, options={"verify_signature": False}) | {"iat": int(time.time())} | claims
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self._key, algorithm="EdDSA", headers=header)  # type: ignore[arg-type]
