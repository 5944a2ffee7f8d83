"""Letters and the tokens of their links in memory."""

from dataclasses import replace
from datetime import datetime

from services.identity.adapters.memory.state import State
from services.identity.domain.letter import LEASE, Letter, MailToken, Subject


class MemoryMailTokens:
    def __init__(self, state: State) -> None:
        self._tokens, self._used = state.mail_tokens, state.used_mail_tokens

    def issue(self, token: MailToken) -> None:
        older = self._tokens.get((token.user_id, token.subject))
        if older is None or older.issued_at < token.issued_at:
            self._tokens[token.user_id, token.subject] = token

    def take(self, token_hash: str, subject: Subject, now: datetime) -> MailToken | None:
        for token in self._tokens.values():
            if token.token_hash == token_hash and token.subject is subject and token_hash not in self._used:
                self._used.add(token_hash)
                return token
        return None


class MemoryLetters:
    def __init__(self, state: State) -> None:
        self._letters = state.letters

    def add(self, letter: Letter) -> None:
        self._letters[letter.id] = letter

    def lease(self, now: datetime) -> Letter | None:
        due = sorted((each for each in self._letters.values() if each.due_at <= now), key=lambda each: each.due_at)
        if not due:
            return None
        first = due[0]
        leased = replace(first, attempts=first.attempts + 1, due_at=now + LEASE * (first.attempts + 1))
        self._letters[first.id] = leased
        return leased

    def remove(self, letter_id: str) -> None:
        self._letters.pop(letter_id, None)
