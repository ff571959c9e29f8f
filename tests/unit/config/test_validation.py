"""Files become models; a wrong value is reported once, at its position, for the chosen kind."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, field_validator, model_validator

from config.checked_document import Document
from config.loading import load_yaml_model
from config.problems import ConfigError
from config.values import ConfigModel, Duration, Filled, HttpUrl, Share, Slug, issue_at, reject


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class ByPage(ConfigModel):
    kind: Literal["page"]
    size: Annotated[int, Field(ge=1, le=500)] = 100


class ByCursor(ConfigModel):
    kind: Literal["cursor"]
    path: str


class ByLink(ConfigModel):
    kind: Literal["link", "next"]


Paging = Annotated[ByPage | ByCursor | ByLink, Field(discriminator="kind")]


class Mapped(ConfigModel):
    path: str
    words: dict[str, Colour] = Field(default_factory=dict)


class Everything(ConfigModel):
    paging: Paging | None = None
    pagings: list[Paging] = Field(default_factory=list)
    by_name: dict[str, Paging] = Field(default_factory=dict)
    short: str | Mapped | None = None
    many: str | list[str] = "x"
    mixed: bool | int | str = "x"
    sizes: Duration | Literal["none"] | None = None
    pair: tuple[int, str] | None = None
    colours: set[Colour] = Field(default_factory=set)
    given: Any = None
    number: float = 0.0
    ratio: Share = "0%"  # type: ignore[assignment]
    place: HttpUrl | None = None
    name: Slug = "x"
    label: Filled = "x"
    from_: int = Field(default=0, alias="from")
    codes: list[Literal[200, 404, "default"]] = Field(default_factory=list)

    @field_validator("label", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        return " ".join(map(str, value)) if isinstance(value, list) else value


def load(text: str) -> Everything:
    return load_yaml_model(Path("f.yaml"), Everything, text=text, resolve_references=False).value


def refused(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [str(p).removeprefix("f.yaml:") for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("paging: {kind: page, size: 5}", "paging", ByPage(kind="page", size=5)),
        ("paging: {kind: next}", "paging", ByLink(kind="next")),
        ("paging: null", "paging", None),
        ("paging: ~", "paging", None),
        ("pagings: [{kind: cursor, path: a}]", "pagings", [ByCursor(kind="cursor", path="a")]),
        ("by_name: {page: {kind: page}}", "by_name", {"page": ByPage(kind="page")}),
        ("short: a.b", "short", "a.b"),
        ("short: {path: a}", "short", Mapped(path="a")),
        ("short: {path: a, words: {x: red}}", "short", Mapped(path="a", words={"x": Colour.RED})),
        ("many: a", "many", "a"),
        ("many: [a, 1, NO]", "many", ["a", "1", "NO"]),
        ("mixed: true", "mixed", True),
        ("mixed: 12", "mixed", 12),
        ("mixed: 012", "mixed", "012"),
        ("mixed: '12'", "mixed", "12"),
        ("sizes: 5m", "sizes", timedelta(minutes=5)),
        ("sizes: none", "sizes", "none"),
        ("pair: [1, 2]", "pair", (1, "2")),
        ("colours: [red, blue]", "colours", {Colour.RED, Colour.BLUE}),
        ("given: {a: [1, '1', 1.5, true, null, NO, 010, 1e3]}", "given",
         {"a": [1, "1", 1.5, True, None, "NO", "010", 1000.0]}),
        ("number: 3", "number", 3.0),
        ("ratio: 12.5%", "ratio", 0.125),
        ("place: https://a.example/b/", "place", "https://a.example/b"),
        ("label: [a, b]", "label", "a b"),
        ("from: 7", "from_", 7),
        ("codes: [200, default]", "codes", [200, "default"]),
    ],
)  # fmt: skip
def test_a_value_takes_the_type_of_its_field(text: str, field: str, value: object) -> None:
    assert getattr(load(text), field) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "paging: {kind: page, size: 0, path: a}",
            [
                "1:28  paging.size: must be at least 1",
                "1:31  paging.path: unknown key; known here: kind, size",
            ],
        ),
        ("paging: {kind: pag}", ['1:16  paging.kind: must be one of page, cursor, link, next (did you mean "page"?)']),
        ("paging: {size: 3}", ["1:1  paging.kind: is required; one of page, cursor, link, next"]),
        ("paging: page", ["1:9  paging: must be a mapping (key: value)"]),
        ("pagings:\n  - kind: cursor\n  - kind: page\n    size: big", ["2:5  pagings[0].path: is required", "4:11  pagings[1].size: must be a whole number"]),
        ("by_name: {cursor: {kind: cursor}}", ["1:11  by_name.cursor.path: is required"]),
        ("short: {pth: a}", ["1:1  short.path: is required", '1:9  short.pth: unknown key (did you mean "path"?)']),
        ("short: [a]", ["1:8  short: must be a mapping (key: value) or a single value"]),
        ("short: {path: a, words: {x: rd}}", ['1:29  short.words.x: must be one of red, blue (did you mean "red"?)']),
        ("many: {a: b}", ["1:7  many: must be a list or a single value"]),
        ("many: [[a]]", ["1:8  many[0]: must be text; this is a list"]),
        ("pair: [1]", ["1:1  pair[1]: is required"]),
        ("pair: [x, y]", ["1:8  pair[0]: must be a whole number"]),
        ("number: .nan", ["1:9  number: must be a number"]),
        ("number: '3'", ["1:9  number: must be a number, without quotes"]),
        ("name: null", ["1:7  name: must have a value; put the word null in quotes if that word is meant"]),
        ("ratio: 12", ["1:8  ratio: must be a percentage, such as 10%"]),
        ("place: ftp://a", ["1:8  place: must be an address such as https://host/path"]),
        ("place: https://", ["1:8  place: must be an address such as https://host/path"]),
        ("place: 'https://a b'", ["1:8  place: must be an address such as https://host/path"]),
        ("place: https://a:99999", ["1:8  place: must be an address such as https://host/path"]),
        ("from_: 1", ['1:1  from_: unknown key (did you mean "from"?)']),
    ],
)  # fmt: skip
def test_a_wrong_value_is_reported_once_for_the_chosen_kind(text: str, expected: list[str]) -> None:
    assert refused(text) == expected


def test_a_validator_reports_several_mistakes_below_itself() -> None:
    class Listed(ConfigModel):
        names: list[str]

        @model_validator(mode="after")
        def _short(self) -> "Listed":
            long = [at for at, name in enumerate(self.names) if len(name) > 3]
            reject([issue_at(("names", at), "is too long", also=("names", 0)) for at in long])
            return self

    class Outer(ConfigModel):
        inner: Listed

    text = "inner:\n  names:\n    - abc\n    - abcd\n    - abcde\n"

    with pytest.raises(ConfigError) as caught:
        load_yaml_model(Path("f.yaml"), Outer, text=text, resolve_references=False)

    assert [str(p) for p in caught.value.problems] == [
        "f.yaml:4:7  inner.names[1]: is too long (also line 3)",
        "f.yaml:5:7  inner.names[2]: is too long (also line 3)",
    ]


def test_checks_report_together_with_what_binding_finds() -> None:
    def label_is_rare(document: Document) -> None:
        if document.text(("label",)) == "common":
            document.error(("label",), "is too common", hint="rare")

    with pytest.raises(ConfigError) as caught:
        load_yaml_model(
            Path("f.yaml"),
            Everything,
            text="label: common\nnumber: x\n",
            resolve_references=False,
            checks=[label_is_rare],
        )

    assert [str(p) for p in caught.value.problems] == [
        'f.yaml:1:8  label: is too common (did you mean "rare"?)',
        "f.yaml:2:9  number: must be a number",
    ]


def test_later_checks_report_at_the_marks_of_what_was_loaded() -> None:
    loaded = load_yaml_model(
        Path("f.yaml"),
        Everything,
        text="by_name:\n  a:\n    kind: page\n    size: 7\n",
        resolve_references=False,
    )
    loaded.document.error(("by_name", "a", "size"), "is odd")
    loaded.document.error(("by_name", "a"), "is unused", on_key=True)
    loaded.document.error(("by_name", "a", "absent", "below"), "is required")

    with pytest.raises(ConfigError) as caught:
        loaded.problems.raise_errors()

    assert loaded.document.mark(("by_name", "a", "size")) == (4, 11)
    assert loaded.document.mark(("by_name", "a", "size"), key=True) == (4, 5)
    assert [str(p) for p in caught.value.problems] == [
        "f.yaml:2:3  by_name.a: is unused",
        "f.yaml:2:3  by_name.a.absent.below: is required",
        "f.yaml:4:11  by_name.a.size: is odd",
    ]


def test_keys_that_are_no_plain_words_are_quoted_in_paths() -> None:
    assert refused('by_name: {"a.b": {kind: page, size: x}}') == [
        '1:37  by_name["a.b"].size: must be a whole number'
    ]
