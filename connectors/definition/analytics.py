"""Analytics: the requests that deliver them to a vendor."""

from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Filled, optional_key
from connectors.definition.paths import JmesPath
from connectors.definition.requests import Request
from connectors.definition.writes import SHOWN_BY, Choice


class ReportAnalytics(ConfigModel):
    """One request with the whole report: `{report}`, and `{period_key}` to find repeats."""

    kind: Literal["report"] = Field(description="One report.", examples=["report"])
    request: Request = Field(
        description="The request.", examples=[{"post": "/reports", "body": "{report}"}]
    )
    shown_by: JmesPath | None = SHOWN_BY


class Replace(ConfigModel):
    """Takes away what earlier exports left, where a vendor only adds."""

    request: Request = Field(
        description="The request; `{stale}` is the list of earlier values.",
        examples=[{"post": "/tags/remove", "body": {"tags": "{stale}"}}],
    )
    values: JmesPath = Field(
        description="Where the application's record has values.", examples=["tags"]
    )
    starts_with: Filled = Field(description="Which of them are ours.", examples=["{field}:"])


class ValueAnalytics(ConfigModel):
    """One value per application: `{value}` for `{field}`."""

    kind: Literal["per_application"] = Field(
        description="One value per application.", examples=["per_application"]
    )
    request: Request = Field(
        description="The request.",
        examples=[{"patch": "/applications/{application_id}", "body": {"score": "{value}"}}],
    )
    shown_by: JmesPath | None = SHOWN_BY
    choose: dict[Filled, Choice] = optional_key(
        "More placeholders, chosen from lookup lists.",
        {"field_id": {"list": "custom_fields", "where": {"title": "{field}"}}},
        make=dict,
    )
    otherwise: Request | None = optional_key(
        "The request instead, when a choice that is not required finds nothing.",
        {"post": "/custom-field-values"},
    )
    replaces: Replace | None = optional_key(
        "What to take away first.", {"values": "tags", "starts_with": "{field}:"}
    )


Analytics = Annotated[ReportAnalytics | ValueAnalytics, Field(discriminator="kind")]
