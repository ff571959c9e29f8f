"""Cursors: the filters by which a poll requests the records that changed."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import ConfigModel, Filled, optional_key, switch
from connectors.definition.paths import JmesPath
from connectors.times import is_time_format


class UpdatedAtCursor(ConfigModel):
    """Records changed since a moment. `{from}` and `{to}` are the bounds."""

    kind: Literal["updated_at"] = Field(
        description="Records changed since a moment.", examples=["updated_at"]
    )
    field: JmesPath | None = optional_key(
        "Where the list's record says when it changed. Without it the next poll asks "
        "for what changed since the vendor began to answer this one; a `detail` has to be read "
        "`always` then.",
        "updated_at",
    )
    query: dict[str, str] = optional_key(
        "Query parameters that ask for changes.", {"updated_after": "{from}"}, make=dict
    )
    body: dict[str, object] = optional_key(
        "The same, in a JSON body; an object under a name that the request has too is "
        "merged into it.",
        {"updatedAfter": "{from}"},
        make=dict,
    )
    format: Filled = optional_key(
        "How the vendor wants moments: iso, iso_seconds, iso_space, epoch_ms, epoch_s, "
        "json_date (`/Date(1492098664000+0000)/`), date, or a pattern such as %Y-%m-%d.",
        "epoch_ms",
        default="iso",
    )
    field_format: Filled | None = optional_key(
        "How records write them, where that differs from `format`.", "iso"
    )
    time_zone: Filled | None = optional_key(
        "The IANA zone in which the vendor reads and writes these moments where they "
        "carry none; `{options.…}` where each account has its own. `api.time_zone` otherwise, else UTC.",
        "Europe/Berlin",
    )
    inclusive: bool = switch(
        "Whether a record changed exactly at `{from}` is returned.", default=True
    )
    ordered: bool = switch("Whether records come in the order of their change.", example=False)
    create_only: bool = switch(
        "Whether the vendor sets this moment only when a record is created.", example=False
    )

    @model_validator(mode="after")
    def _asks(self) -> "UpdatedAtCursor":
        for name in ("format", "field_format"):
            value = getattr(self, name)
            if value is not None and not is_time_format(value):
                raise ValueError(f"{name} {value!r} is no time format; see the reference")
        return self


class SyncTokenCursor(ConfigModel):
    """An opaque token from the last page of one walk brings what changed since."""

    kind: Literal["sync_token"] = Field(description="A sync token.", examples=["sync_token"])
    parameter: Filled = Field(description="The parameter that sends it.", examples=["syncToken"])
    send_in: Literal["query", "body"] = optional_key(
        "Where it goes. In a body a dot leads into an object, such as `variables.syncToken`.",
        "body",
        default="body",
    )
    at: JmesPath = Field(description="Where the last page has it.", examples=["syncToken"])


class NoCursor(ConfigModel):
    """The list does not show changes: every walk is complete, fingerprints find changes."""

    kind: Literal["none"] = Field(description="Every walk is complete.", examples=["none"])


Cursor = Annotated[UpdatedAtCursor | SyncTokenCursor | NoCursor, Field(discriminator="kind")]
