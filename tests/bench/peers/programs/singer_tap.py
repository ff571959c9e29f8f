"""A Singer tap for the bench's ATS, as its authors would write it: `python singer_tap.py --config C`.

Runs in an environment of its own (`singer.lock`), never in the daemon's.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseHATEOASPaginator

_TEXTS = (
    "first_name", "last_name", "company", "title", "photo_url", "created_at", "updated_at",
    "last_activity",
)  # fmt: skip
_LISTS = (
    "email_addresses", "phone_numbers", "addresses", "website_addresses", "social_media_addresses",
    "attachments",
)  # fmt: skip
_ANY = th.ObjectType(additional_properties=True)


class LinkHeader(BaseHATEOASPaginator):
    """Follows `Link: <...>; rel="next"`."""

    def get_next_url(self, response: Any) -> str | None:
        following = response.links.get("next")
        return following["url"] if following else None


class Candidates(RESTStream):
    """Everything, with every run: that is what unchanged records cost."""

    name = "candidates"
    path = "/candidates"
    primary_keys = ("id",)
    records_jsonpath = "$[*]"
    schema = th.PropertiesList(
        th.Property("id", th.IntegerType, required=True),
        th.Property("private", th.BooleanType),
        *(th.Property(name, th.StringType) for name in _TEXTS),
        *(th.Property(name, th.ArrayType(_ANY)) for name in _LISTS),
        th.Property("tags", th.ArrayType(th.StringType)),
        th.Property("custom_fields", _ANY),
        additional_properties=True,
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    def get_new_paginator(self) -> LinkHeader:
        return LinkHeader()

    def get_url_params(self, _: Mapping[str, Any] | None, next_page_token: Any) -> dict[str, Any]:
        return dict(parse_qsl(next_page_token.query)) if next_page_token else {}


class BenchTap(Tap):
    """One stream."""

    name = "tap-bench"
    config_jsonschema = th.PropertiesList(th.Property("api_url", th.StringType)).to_dict()

    def discover_streams(self) -> list[Candidates]:
        return [Candidates(tap=self)]


if __name__ == "__main__":
    BenchTap.cli()
