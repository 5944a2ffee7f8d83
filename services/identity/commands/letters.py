"""Letters: written in the transaction of what they are about, sent afterwards by whoever has the time."""

import json
from datetime import datetime

from services.identity.domain.letter import Letter, MailToken, Subject
from services.identity.domain.secret import new_secret, secret_hash
from services.identity.domain.user import folded
from services.identity.ports import Post, Sealer, Store, Tx
from services.kernel.clock import Clock
from services.kernel.errors import Kind, Refused
from services.kernel.ids import new_id

# What a neighbour refuses for these reasons it will refuse again.
_FOR_GOOD = (Kind.INVALID, Kind.NOT_FOUND, Kind.FAILED_PRECONDITION, Kind.FORBIDDEN)


def write_letter(tx: Tx, subject: Subject, address: str, sealer: Sealer, now: datetime) -> None:
    sealed = sealer.seal(json.dumps([address, new_secret()]))
    tx.letters.add(Letter(new_id(), subject, sealed, now, now))


def deliver_next_letter(store: Store, sealer: Sealer, post: Post, clock: Clock) -> bool:
    """Tries to send one letter; whether there was one. After a crash at any point the letter is tried again, with the
    same token, which does not come to life again once it was used or replaced."""
    now = clock()
    with store.begin() as tx:
        letter = tx.letters.lease(now)
    if letter is None:
        return False
    if not letter.is_stale(now):
        _deliver(letter, store, sealer, post)
    with store.begin() as tx:
        tx.letters.remove(letter.id)
    return True


def _deliver(letter: Letter, store: Store, sealer: Sealer, post: Post) -> None:
    address, token = json.loads(sealer.open(letter.sealed))
    with store.begin() as tx:
        user = tx.users.by_identifier(address)
        if user is None:
            return
        if letter.subject is not Subject.PASSWORD_CHANGED:
            link = MailToken(secret_hash(token), user.id, letter.subject, folded(user.email), letter.written_at)
            tx.mail_tokens.issue(link)
    try:
        post.send(letter.id, user.id, letter.subject, token)
    except Refused as refusal:
        if refusal.refused_kind not in _FOR_GOOD:
            raise
