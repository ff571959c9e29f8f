"""Gives a scalar its type, once it is known what its place should hold."""

import re
from collections.abc import Callable
from enum import Enum

from config.annotations import Wanted
from config.nodes import Scalar

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})?")
_TRUTH = {"true": True, "false": False}
_MEANT_TRUTH = {
    **dict.fromkeys(("yes", "on", "y", "1", "t", "enabled"), "true"),
    **dict.fromkeys(("no", "off", "n", "0", "f", "disabled"), "false"),
}


class WrongKindError(ValueError):
    """The text stands for no value of the wanted kind; carries what was probably meant."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Say what the place wants."""
        super().__init__(message)
        self.message = message
        self.hint = hint


def typed(scalar: Scalar, wanted: Wanted) -> object:
    """The scalar as the wanted kind; text for every kind that reads text by itself.

    Raises:
        WrongKindError: it must be another kind of value.
    """
    if scalar.is_null and wanted.annotation is type(None):
        return None
    if scalar.is_null:
        raise WrongKindError("must have a value; put the word null in quotes if that word is meant")
    if wanted.literals:
        return _literal(scalar, wanted.literals)
    if not wanted.reads_text and wanted.annotation in {bool, int, float}:
        return _READERS[wanted.annotation](scalar)
    return scalar.text


def untyped(scalar: Scalar) -> object:
    """The scalar as JSON would have it: null, true, 1, 1.5; text for everything else."""
    if scalar.is_null or scalar.is_empty:
        return None
    if not scalar.is_untyped:
        return scalar.text
    return _typed_by_look(scalar.text)


def _typed_by_look(text: str) -> object:
    if text in _TRUTH:
        return _TRUTH[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _literal(scalar: Scalar, literals: tuple[object, ...]) -> object:
    for literal in literals:
        value = literal.value if isinstance(literal, Enum) else literal
        if isinstance(value, str) and value == scalar.text:
            return literal
        if not isinstance(value, str) and scalar.is_untyped:
            look = _typed_by_look(scalar.text)
            if look == value and type(look) is type(value):
                return literal
    return scalar.text


def _truth(scalar: Scalar) -> bool:
    if scalar.is_untyped and scalar.text in _TRUTH:
        return _TRUTH[scalar.text]
    folded = scalar.text.casefold()
    hint = folded if folded in _TRUTH and scalar.is_untyped else _MEANT_TRUTH.get(folded)
    raise WrongKindError("must be true or false" + _unquoted(scalar, folded in _TRUTH), hint)


def _whole(scalar: Scalar) -> int:
    fits = _WHOLE.fullmatch(scalar.text) is not None
    if fits and scalar.is_untyped:
        return int(scalar.text)
    raise WrongKindError("must be a whole number" + _unquoted(scalar, fits))


def _number(scalar: Scalar) -> float:
    fits = _NUMBER.fullmatch(scalar.text) is not None
    if fits and scalar.is_untyped:
        return float(scalar.text)
    raise WrongKindError("must be a number" + _unquoted(scalar, fits))


def _unquoted(scalar: Scalar, fits: bool) -> str:
    return ", without quotes" if fits and not scalar.is_untyped else ""


_READERS: dict[type, Callable[[Scalar], object]] = {bool: _truth, int: _whole, float: _number}
