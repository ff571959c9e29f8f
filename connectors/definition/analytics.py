"""Analytics: the requests that deliver them to a vendor."""

from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Filled
from connectors.definition.paths import JmesPath
from connectors.definition.requests import Request
from connectors.definition.writes import Choice


class ReportAnalytics(ConfigModel):
    """One request with the whole report: `{report}`, and `{period_key}` to find repeats."""

    kind: Literal["report"] = Field(description="One report.", examples=["report"])
    request: Request = Field(
        description="The request.", examples=[{"post": "/reports", "body": "{report}"}]
    )
    shown_by: JmesPath | None = Field(
        default=None,
        description="A condition on the answer's JSON body that shows that the write took effect. "
        "Without it an empty body shows it, and JSON that reports no error. 204 always does. Where "
        "an answer does not show it, the outcome is unknown.",
        examples=["data.id"],
    )


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
    shown_by: JmesPath | None = Field(
        default=None,
        description="A condition on the answer's JSON body that shows that the write took effect. "
        "Without it an empty body shows it, and JSON that reports no error. 204 always does. Where "
        "an answer does not show it, the outcome is unknown.",
        examples=["data.id"],
    )
    choose: dict[Filled, Choice] = Field(
        default_factory=dict,
        description="More placeholders, chosen from lookup lists.",
        examples=[{"field_id": {"list": "custom_fields", "where": {"title": "{field}"}}}],
    )
    otherwise: Request | None = Field(
        default=None,
        description="The request instead, when a choice that is not required finds nothing.",
        examples=[{"post": "/custom-field-values"}],
    )
    replaces: Replace | None = Field(
        default=None,
        description="What to take away first.",
        examples=[{"values": "tags", "starts_with": "{field}:"}],
    )


Analytics = Annotated[ReportAnalytics | ValueAnalytics, Field(discriminator="kind")]
