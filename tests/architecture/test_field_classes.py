"""The page about security has the classes of all fields."""

from models.field_classes import FIELD_CLASSES, HASHABLE, NEEDED
from tests.support.pages import page, section, table


def test_the_table_of_classes_is_the_codes_own() -> None:
    rows = table(section(page("docs/security.md"), "## Classes of fields"))

    assert rows == [
        [
            f"`{name}`",
            f"`{of}`",
            "needed" if name in NEEDED else "drop, hash" if name in HASHABLE else "drop",
        ]
        for name, of in FIELD_CLASSES.items()
    ]
