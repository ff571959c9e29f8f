"""Requests of a definition, and the address and version of the vendor's API."""

from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Any

from pydantic import BaseModel, Field, model_validator

from config.nodes import NodePath
from config.values import ConfigModel, Filled, optional_key, switch
from connectors.definition.placeholders import names_in

METHODS = ("get", "post", "put", "patch", "delete")


class Request(ConfigModel):
    """One request: a method with its path, and what goes with it.

    `{name}` in a path, query, header, form or body is replaced by a value. An entry that is only
    a placeholder without a value is left out. A brace of the text itself is written twice: a
    GraphQL query is `"query {{ candidates {{ id }} }}"`.
    """

    get: Filled | None = optional_key("GET this path.", "/candidates")
    post: Filled | None = optional_key("POST to this path.", "/search")
    put: Filled | None = optional_key("PUT to this path.", "/applications/{application_id}")
    patch: Filled | None = optional_key("PATCH this path.", "/applications/{application_id}")
    delete: Filled | None = optional_key("DELETE this path.", "/tags/{application_id}")
    query: dict[str, str] = optional_key("The query.", {"per_page": "100"}, make=dict)
    headers: dict[str, str] = optional_key("Headers.", {"X-Source": "clearview"}, make=dict)
    body: object = optional_key(
        "A JSON body. `{name:int}` and `{name:number}` become numbers, `{name:date}` and `{name:time}` "
        "moments in UTC.",
        {"stage_id": "{stage_id:int}"},
    )
    form: dict[str, str] = optional_key(
        "A form body instead of a JSON one.", {"status": "{stage_id}"}, make=dict
    )

    @model_validator(mode="after")
    def _one_method(self) -> "Request":
        given = [name for name in METHODS if getattr(self, name) is not None]
        if len(given) != 1:
            found = "has " + " and ".join(given) if given else "has none"
            raise ValueError(f"needs exactly one of {', '.join(METHODS)}; it {found}")
        if self.form and self.body is not None:
            raise ValueError("has both `body` and `form`; a request has one of them")
        return self

    @cached_property
    def method(self) -> str:
        """The method in capitals."""
        return next(name for name in METHODS if getattr(self, name) is not None).upper()

    @cached_property
    def path(self) -> str:
        """The path, which may hold placeholders; a full address is used as it is."""
        return str(getattr(self, self.method.lower()))

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names of all placeholders, wherever they are."""
        return frozenset(use.name for use in names_in(self.parts()))

    def parts(self) -> dict[str, Any]:
        """Everything that may hold placeholders, by its key."""
        return {
            self.method.lower(): self.path,
            "query": self.query,
            "headers": self.headers,
            "body": self.body,
            "form": self.form,
        }


class Api(ConfigModel):
    """The address of the vendor's API."""

    base_url: Filled = Field(
        description="The address before every path; may hold `{options.…}`. An integration's "
        "`endpoint` replaces it.",
        examples=["https://api.example.com/v1"],
    )
    prefix: Filled | None = optional_key(
        "A path that every address has after the base; not added where an "
        "integration's `endpoint` already ends with it.",
        "/hiring",
    )
    version: Filled | None = optional_key("The API's version, for people.", "v3")
    sunset: date | None = optional_key(
        "The day on which the vendor switches this version off; warned of months ahead.",
        "2027-08-31",
    )
    headers: dict[str, str] = optional_key(
        "Headers of every request, such as the version a vendor demands.",
        {"Accept": "application/json"},
        make=dict,
    )
    time_zone: Filled | None = optional_key(
        "The IANA zone of moments that carry none, in filters and in records; "
        "`{options.…}` where each account has its own. UTC otherwise.",
        "{options.time_zone}",
    )
    check: Request = Field(
        description="A cheap authorised request that shows whether the credential is good.",
        examples=[{"get": "/users", "query": {"per_page": "1"}}],
    )


class Credential(ConfigModel):
    """Something secret that the vendor asks for."""

    description: Filled = Field(
        description="What it is and where to find it.", examples=["API key"]
    )
    required: bool = switch("Whether it must be given.", default=True)


class Option(ConfigModel):
    """Something else, not secret, that differs from customer to customer."""

    description: Filled = Field(description="What it is.", examples=["The account's subdomain"])
    default: str | None = optional_key(
        "Its value where none is given; without one the option is required.",
        "https://auth.example.com/token",
    )
    required: bool = switch(
        "`false`: the option may be missing without a default.", default=True, example=False
    )
    pattern: str | None = optional_key(
        "A regular expression that the whole value must match.", "[a-z0-9-]+"
    )


def requests_in(value: Any, path: NodePath = ()) -> Iterator[tuple[NodePath, Request]]:
    """Every request of a definition, however deep, with its path."""
    match value:
        case Request():
            yield path, value
        case BaseModel():
            for name in type(value).model_fields:
                yield from requests_in(getattr(value, name), (*path, name))
        case dict():
            for key, item in value.items():
                yield from requests_in(item, (*path, str(key)))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from requests_in(item, (*path, index))
