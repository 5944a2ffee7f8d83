"""How passwords are hashed, and which ones are refused."""

import argon2
import pytest

from services.identity.adapters.common_passwords import common_passwords
from services.identity.adapters.passwords import Argon2Hasher
from services.identity.domain.errors import PasswordTooCommon
from services.identity.domain.password import refuse_common


def test_only_hashes_by_other_parameters_are_outdated() -> None:
    hasher = Argon2Hasher()
    present = hasher.hash("correct horse")
    assert present.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not hasher.is_outdated(present)
    older = argon2.PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("correct horse")
    assert hasher.matches("correct horse", older)
    assert hasher.is_outdated(older)


@pytest.mark.parametrize("kept", [None, ""])
def test_an_account_without_a_password_is_opened_by_none(kept: str | None) -> None:
    assert not Argon2Hasher().matches("nobody has this password", kept)


def test_the_most_used_passwords_are_known_whatever_their_case() -> None:
    common = common_passwords()
    assert len(common) > 20_000
    for password in ("password", "PassWord1", "12345678", "qwertyuiop"):
        with pytest.raises(PasswordTooCommon):
            refuse_common(password, common, ())
    refuse_common("correct horse battery", common, ("ada@example.com",))
