"""Keeps out what an integration does not want to have: fields that are dropped, hashed, or demographic.

It acts on mapped records, before they are compared, stored or written anywhere. Pure.
"""

import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from config.operator import Privacy
from models.field_classes import CLASSES, FIELD_CLASSES, NEEDED

HASHED = "hmac:"
"""The beginning of a hashed value."""
CUSTOM = "custom_fields"
_WORDS = re.compile(r"[^\W\d_]+")
_HUMPS = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Ý])|(?<=[A-ZÀ-Ý])(?=[A-ZÀ-Ý][a-zà-ÿ])")
_DEMOGRAPHIC_WORDS = frozenset({
    *("gender", "sex", "pronoun", "pronouns", "race", "racial", "ethnicity", "ethnicities", "ethnic"),
    *("hispanic", "latino", "latina", "latinx", "veteran", "veterans", "disability", "disabilities"),
    *("disabled", "handicap", "religion", "religious", "transgender", "lgbt", "lgbtq", "lgbtqia"),
    *("marital", "pregnancy", "pregnant", "nationality", "eeo", "eeoc", "ofccp", "demographic"),
    *("demographics", "dob", "birthdate", "birthday", "age", "caste"),
    *("geschlecht", "nationalität", "nationalité", "geburtsdatum", "geburtstag", "geburtsort", "sexe"),
    *("staatsangehörigkeit", "staatsbürgerschaft", "konfession", "familienstand", "naissance", "âge"),
    *("citizenship", "indigenous", "aboriginal"),
})  # fmt: skip
_DEMOGRAPHIC_BEGINNINGS = (
    *("gender", "ethni", "hispanic", "veteran", "disabilit", "handicap", "religi", "transgender"),
    *("pregnan", "demographic", "eeo", "dateofbirth", "birthdate", "birthday", "placeofbirth"),
    *("sexualorientation", "maritalstatus", "behinder", "schwerbehinder"),
)  # fmt: skip
"""Of words with an ending, and of names that are written as one word."""
_DEMOGRAPHIC_PAIRS = re.compile(
    r"sexual orientation|national origin|date of birth|birth (date|day|year)|(year|place) of birth|military status"
    r"|protected class|self identification|self id\b|first generation|socio ?economic|\bcc 305\b|\bd o b\b"
    r"|état civil|situation (matrimoniale|de famille)|grad der behinderung"
)
_LABELS = ("name", "label", "title", "key", "question", "text", "field")
"""Keys under which a raw entry has the name of its field."""


class PrivacyFilter:
    """An integration's `privacy`, compiled. `asked_for` are its own mappings (`fields`)."""

    def __init__(self, privacy: Privacy, asked_for: Iterable[str] = ()) -> None:
        self._drops = expanded(privacy.drop)
        self._hashes = expanded(privacy.hash) - self._drops
        self._key = privacy.key.get_secret_value().encode() if privacy.key else b""
        self._takes_demographic = privacy.demographic
        self._asked_for = frozenset(map(qualified, asked_for))
        self._wants = lru_cache(maxsize=4096)(self._is_wanted)
        self.dropped = frozenset(name for name in self._drops if name in FIELD_CLASSES)
        """The whole fields that no record has."""
        self.hidden = self._drops | self._hashes
        """All that no record has in clear."""

    def apply(self, part: str, found: Any) -> None:
        """Changes a mapped part of a record, `candidate` or `application`."""
        custom = found.get(CUSTOM)
        if custom:
            found[CUSTOM] = {
                name: value
                if type(value) is str and not self._hashes
                else self._own(part, name, value)
                for name, value in custom.items()
                if self._wants(part, name)
            }
        for field in self._drops:
            of, _, name = field.partition(".")
            value = found.get(name) if of == part else None
            if value is not None:
                found[name] = type(value)() if isinstance(value, list | dict) else None
        for field in self._hashes:
            of, _, name = field.partition(".")
            if of == part and found.get(name):
                found[name] = self._hashed(found[name])

    def hides_custom(self, part: str, path: str) -> bool:
        """True if a custom field, or a value inside of one, is not imported because of its name."""
        if self._takes_demographic:
            return False
        keys = path.split(".")
        fields = (".".join((part, CUSTOM, *keys[:n])) for n in range(1, len(keys) + 1))
        return self._asked_for.isdisjoint(fields) and is_demographic(path)

    def _is_wanted(self, part: str, name: str) -> bool:
        field = f"{part}.{CUSTOM}.{name}"
        if field in self._drops:
            return False
        return self._takes_demographic or field in self._asked_for or not is_demographic(name)

    def _own(self, part: str, name: str, value: Any) -> Any:
        field = f"{part}.{CUSTOM}.{name}"
        if field in self._hashes and value is not None:
            return self._digest(value)
        is_nested = isinstance(value, dict | list)
        if not is_nested or self._takes_demographic or field in self._asked_for:
            return value
        return without_demographic(value)

    def _hashed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [
                {**item, "value": self._digest(item["value"])}
                if isinstance(item, dict)
                else self._digest(item)
                for item in value
            ]
        return self._digest(value)

    def _digest(self, value: Any) -> str:
        text = (
            value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
        )
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return HASHED + digest[:16].hex()


def hides_names(privacy: Privacy) -> bool:
    """True if candidates have no names here."""
    hidden = expanded(privacy.drop) | expanded(privacy.hash)
    return not hidden.isdisjoint({"candidate.first_name", "candidate.last_name"})


def qualified(name: str) -> str:
    """Returns the field with its part in front: `phones` is the candidate's."""
    return name if name.startswith(("candidate.", "application.")) else f"candidate.{name}"


def expanded(names: Iterable[str]) -> frozenset[str]:
    """Returns the fields that are named, each by itself or by its class."""
    found: set[str] = set()
    for name in names:
        if name in CLASSES:
            found |= {f for f, of in FIELD_CLASSES.items() if of == name and f not in NEEDED}
        else:
            found.add(qualified(name))
    return frozenset(found)


@lru_cache(maxsize=4096)
def is_demographic(name: str) -> bool:
    """True for the name of a field, or a question, about what equal-opportunity law protects."""
    spaced = _HUMPS.sub(" ", unicodedata.normalize("NFKC", name))
    words = [word.lower() for word in _WORDS.findall(spaced)]
    if not _DEMOGRAPHIC_WORDS.isdisjoint(words):
        return True
    if any(word.startswith(_DEMOGRAPHIC_BEGINNINGS) for word in words):
        return True
    numbers = re.findall(r"[^\W_]+", spaced.lower())
    return _DEMOGRAPHIC_PAIRS.search(" ".join(numbers)) is not None


def without_demographic(value: Any) -> Any:
    """Returns a raw value without the entries that are named so, at any depth."""
    if isinstance(value, Mapping):
        return {
            key: without_demographic(inner)
            for key, inner in value.items()
            if not is_demographic(str(key)) and not _is_named_so(inner)
        }
    if isinstance(value, list):
        return [without_demographic(inner) for inner in value if not _is_named_so(inner)]
    return value


def _is_named_so(entry: Any) -> bool:
    if not isinstance(entry, Mapping):
        return False
    labels = (entry.get(key) for key in _LABELS)
    return any(isinstance(label, str) and is_demographic(label) for label in labels)
