"""What the root errors promise to their reader."""

from models.errors import AtsSyncError, UserError


class CupboardLocked(UserError):
    """The cupboard
    is locked.

    Only the first paragraph is for people.
    """


class Bare(CupboardLocked):
    pass


Bare.__doc__ = None


def test_the_docstring_is_the_message_when_none_is_given() -> None:
    assert str(CupboardLocked()) == "The cupboard is locked."


def test_a_class_without_docstring_speaks_with_its_parents_words() -> None:
    assert str(Bare()) == "The cupboard is locked."


def test_a_given_message_wins_over_the_docstring() -> None:
    assert str(CupboardLocked("no key")) == "no key"


def test_a_user_error_carries_its_remedy_and_is_an_ats_sync_error() -> None:
    error = CupboardLocked(remedy="Fetch the key.")

    assert error.remedy == "Fetch the key."
    assert isinstance(error, AtsSyncError)
