"""How hard a text is to read, in English and in Spanish. Pure functions.

Syllables are counted by spelling, which is good to a few in a hundred. No measure is used for Arabic: those that are
published need vowel marks or a morphological analysis.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE = re.compile(r"[.!?…]+(?=\s|$)|\n{2,}")
_SILENT = re.compile(r"(?:[^laeiouysxzcgh]es|[^aeioutdy]ed|[^laeiouy]e)$")
_STRONG, _WEAK = "aeoáéóíú", "iuüy"


def words(text: str) -> list[str]:
    """The words of a text, numbers left out."""
    return _WORD.findall(text)


def sentences(text: str) -> int:
    """How many sentences a text has, at least one; a paragraph ends one."""
    return max(1, sum(1 for part in _SENTENCE.split(text) if words(part)))


def flesch_kincaid(text: str) -> float:
    """US school grade: 0.39 words per sentence + 11.8 syllables per word - 15.59 (Kincaid and others 1975)."""
    found = words(text)
    if not found:
        return 0.0
    syllables = sum(map(syllables_en, found))
    return 0.39 * len(found) / sentences(text) + 11.8 * syllables / len(found) - 15.59


def szigriszt_pazos(text: str) -> float:
    """Perspicuity, 0 to 100: 206.835 - 62.3 syllables per word - words per sentence (Szigriszt Pazos 1993)."""
    found = words(text)
    if not found:
        return 100.0
    syllables = sum(map(syllables_es, found))
    return 206.835 - 62.3 * syllables / len(found) - len(found) / sentences(text)


def syllables_en(word: str) -> int:
    """Groups of vowels, without a silent e at the end."""
    stem = _SILENT.sub("", word.lower()) if len(word) > 3 else word.lower()
    return max(1, len(re.findall(r"[aeiouy]+", stem)))


def syllables_es(word: str) -> int:
    """One for each strong or accented vowel, and for weak vowels that stand alone."""
    spoken = re.sub(r"qu(?=[eéií])|gu(?=[eéií])", "q", word.lower())
    groups = re.findall(
        f"[{_STRONG}{_WEAK}]+", re.sub(r"^y(?=[aeiouáéíóú])|(?<=[aeiouáéíóú])y(?=[aeiouáéíóú])", "c", spoken)
    )
    return max(1, sum(max(1, sum(c in _STRONG for c in group)) for group in groups))
