"""Passwords: hashed by Argon2id with the library's parameters (RFC 9106, low memory), long, and not obvious.

Length is what counts (NIST SP 800-63B-4: no rules of composition, no expiry); what is refused is what guessers try
first: the person's own name, names of this service, words of the usual lists, runs and repetitions.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from experiments.errors import InvalidInput

SHORTEST, LONGEST = 12, 256  # characters
_FEWEST_KINDS = 5  # different characters
_FEWEST_LETTERS = 4  # beside names and common words
_COMMON = (
    "password", "passwort", "passphrase", "passwd", "letmein", "welcome", "willkommen", "admin", "administrator",
    "changeme", "secret", "login", "signin", "qwerty", "qwertz", "azerty", "iloveyou", "monkey", "dragon", "football",
    "baseball", "sunshine", "princess", "master", "superman", "batman", "trustno", "starwars", "whatever", "shadow",
    "summer", "winter", "spring", "autumn", "january", "february", "march", "april", "june", "july", "august",
    "september", "october", "november", "december", "monday", "friday", "london", "default", "guest", "user", "test",
    "demo", "hello", "computer", "internet", "signpost", "warning", "research", "researcher", "approver", "reader",
    "charity", "please", "abc", "my", "is", "the", "pass", "word", "new", "one", "two", "for", "and", "this", "me",
)  # fmt: skip
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")
_LOOKS_LIKE = str.maketrans("013457$@!", "oleastsai")
_HASHER = PasswordHasher()


def require_good(password: str, *own: str) -> None:
    """Raise InvalidInput, with what would be right, unless it is long and not obvious; `own` are names of the owner."""
    text = _composed(password)
    if len(text) < SHORTEST:
        raise _wrong(f"use {SHORTEST} characters or more; a few words that come to your mind are good")
    if len(text) > LONGEST:
        raise _wrong(f"use {LONGEST} characters at most")
    if len(set(text.casefold())) < _FEWEST_KINDS or _repeats(text) or _runs(text):
        raise _wrong("this one repeats or counts up; use a few words that have nothing to do with each other")
    if _rest(text, own) < _FEWEST_LETTERS:
        raise _wrong("this one is easily guessed: it is made of your name or of common words; use others")


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(_composed(password))


def is_right(held: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed. Without one it takes as long, so that names cannot be sought."""
    try:
        _HASHER.verify(held or _nobody(), _composed(password)[: 4 * LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return held is not None


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody's")


def _composed(password: str) -> str:
    return unicodedata.normalize("NFKC", password.encode("utf-8", "replace").decode())


def _repeats(text: str) -> bool:
    """One part again and again."""
    return re.fullmatch(r"(.{1,8}?)\1+.{0,3}", text, re.DOTALL) is not None


def _runs(text: str) -> bool:
    """Nothing but runs along the alphabet, the digits or the keyboard, in either direction."""
    left = text.casefold()
    for line in (run[::step] for run in _RUNS for step in (1, -1)):
        for size in range(len(line), 3, -1):
            for at in range(len(line) - size + 1):
                left = left.replace(line[at : at + size], "")
    return len(left) < SHORTEST // 2


def _rest(text: str, own: tuple[str, ...]) -> int:
    """How many letters are left without names and common words, as they are written or disguised by digits."""
    names = [part for name in own for part in re.split(r"[\W_]+", name.casefold()) if len(part) > 2]
    words = sorted({*names, *_COMMON}, key=len, reverse=True)
    found = []
    for form in (text.casefold(), text.casefold().translate(_LOOKS_LIKE)):
        letters = re.sub(r"[\W\d_]+", " ", form)
        for word in words:
            letters = letters.replace(word, " ")
        found.append(len(letters.replace(" ", "")))
    return min(found)


def _wrong(detail: str) -> InvalidInput:
    return InvalidInput(detail, pointer="/password")
