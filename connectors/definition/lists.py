"""The lists that a vendor offers: how they are requested, walked, joined and polled."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import ConfigModel, Filled
from connectors.definition.paths import JmesPath
from connectors.definition.requests import Request
from connectors.times import is_time_format

SendIn = Literal["query", "body"]


class NoPagination(ConfigModel):
    """Everything comes in one answer."""

    kind: Literal["none"] = Field(default="none", description="One answer.", examples=["none"])


class _Counted(ConfigModel):
    send_in: Literal["query", "body", "path"] = Field(
        default="query",
        description="Where the parameter goes. `body`: a dot in it leads into an object, such as "
        "`variables.page`. `path`: `{<parameter>}` stands in the request's path, such as "
        "`/people/page/{page}`.",
        examples=["query"],
    )
    more: JmesPath | None = Field(
        default=None,
        description="A condition on the answer that holds while there are more pages: true or "
        "false. An answer where it is neither proves no end and is asked for again.",
        examples=["hasMore"],
    )
    done: JmesPath | None = Field(
        default=None,
        description="A condition on the answer that holds on the last page: true or false, as for "
        "`more`.",
        examples=["paginationComplete"],
    )


class PagePagination(_Counted):
    """Pages by number. Without `more`, `done` or `pages`, an empty page is the end."""

    kind: Literal["page"] = Field(description="Pages by number.", examples=["page"])
    parameter: Filled = Field(description="The page's parameter.", examples=["page"])
    first: int = Field(default=1, description="The first page's number.", examples=[1])
    pages: JmesPath | None = Field(
        default=None, description="Where the number of pages is.", examples=["meta.page_count"]
    )


class OffsetPagination(_Counted):
    """Records by offset. Without `more`, `done` or `total`, an empty page is the end."""

    kind: Literal["offset"] = Field(description="Records by offset.", examples=["offset"])
    parameter: Filled = Field(description="The offset's parameter.", examples=["offset"])
    total: JmesPath | None = Field(
        default=None, description="Where the number of records is.", examples=["total"]
    )


class CursorPagination(ConfigModel):
    """An opaque cursor, taken from each answer and sent with the next request. It may be the same on
    every page; only a page that comes again is refused.
    """

    kind: Literal["cursor"] = Field(description="An opaque cursor.", examples=["cursor"])
    parameter: Filled = Field(description="The parameter that sends it.", examples=["cursor"])
    send_in: SendIn = Field(
        default="query",
        description="Where the parameter goes. `body`: a dot in it leads into an object, such as "
        '`variables.after`; a name with a dot of its own stands in quotes, `"a.b".after`.',
        examples=["body"],
    )
    at: JmesPath | None = Field(
        default=None, description="Where the answer has the next cursor.", examples=["nextCursor"]
    )
    header: Filled | None = Field(
        default=None,
        description="The header that has the next cursor, instead of `at`.",
        examples=["X-Next-Cursor"],
    )
    more: JmesPath | None = Field(
        default=None,
        description="A condition that holds while there are more pages; without it, a missing "
        "cursor is the end.",
        examples=["moreDataAvailable"],
    )
    alone: bool = Field(
        default=False,
        description="`true`: the cursor must be the only parameter.",
        examples=[True],
    )
    scroll: bool = Field(
        default=False,
        description="`true`: the vendor keeps the place of the walk and may send the same cursor "
        "on every page. An empty page is the end; a page whose answer was lost is not asked for "
        "again, and an interrupted walk begins from the front. Without it the same cursor may "
        "come again too, but the end must be told by `more` or a missing cursor.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_place(self) -> "CursorPagination":
        if (self.at is None) == (self.header is None):
            raise ValueError("needs exactly one of `at` and `header`")
        return self


class _Followed(ConfigModel):
    keep_origin: bool = Field(
        default=False,
        description="`true`: an address on the endpoint's host is followed with the endpoint's own "
        "scheme and port, for vendors that write `http://` behind a TLS proxy. Without it such an "
        "address is refused, and one on another host always is.",
        examples=[True],
    )


class LinkPagination(_Followed):
    """The next page's address in the `Link` header, followed as it is; a blank and whatever else
    cannot stand in an address is percent-encoded.
    """

    kind: Literal["link_header"] = Field(
        description="Addresses in the Link header.", examples=["link_header"]
    )
    rel: Filled = Field(default="next", description="The link's relation.", examples=["next"])


class NextUrlPagination(_Followed):
    """The next page's address in the body, followed as it is; a blank and whatever else cannot
    stand in an address is percent-encoded.
    """

    kind: Literal["next_url"] = Field(description="Addresses in the body.", examples=["next_url"])
    at: JmesPath = Field(description="Where the address is.", examples=["paging.next"])
    carry: list[Filled] = Field(
        default_factory=list,
        description="Query parameters of the first request that are added where the address "
        "lacks them.",
        examples=[["updated_after"]],
    )


Pagination = Annotated[
    NoPagination
    | PagePagination
    | OffsetPagination
    | CursorPagination
    | LinkPagination
    | NextUrlPagination,
    Field(discriminator="kind"),
]


class UpdatedAtCursor(ConfigModel):
    """Records changed since a moment. `{from}` and `{to}` stand for the bounds."""

    kind: Literal["updated_at"] = Field(
        description="Records changed since a moment.", examples=["updated_at"]
    )
    field: JmesPath = Field(
        description="Where a record says when it changed.", examples=["updated_at"]
    )
    query: dict[str, str] = Field(
        default_factory=dict,
        description="Query parameters that ask for changes.",
        examples=[{"updated_after": "{from}"}],
    )
    body: dict[str, object] = Field(
        default_factory=dict,
        description="The same, in a JSON body; an object under a name that the request has too is "
        "merged into it.",
        examples=[{"updatedAfter": "{from}"}],
    )
    format: Filled = Field(
        default="iso",
        description="How the vendor wants moments: iso, iso_seconds, iso_space, epoch_ms, epoch_s, "
        "date, or a pattern such as %Y-%m-%d.",
        examples=["epoch_ms"],
    )
    field_format: Filled | None = Field(
        default=None,
        description="How records write them, where that differs from `format`.",
        examples=["iso"],
    )
    time_zone: Filled | None = Field(
        default=None,
        description="The IANA zone in which the vendor reads and writes these moments where they "
        "carry none; `{options.…}` where each account has its own. `api.time_zone` otherwise, else UTC.",
        examples=["Europe/Berlin"],
    )
    inclusive: bool = Field(
        default=True,
        description="Whether a record changed exactly at `{from}` is returned.",
        examples=[True],
    )
    ordered: bool = Field(
        default=False,
        description="Whether records come in the order of their change.",
        examples=[False],
    )
    create_only: bool = Field(
        default=False,
        description="Whether the vendor sets this moment only when a record is created.",
        examples=[False],
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
    send_in: SendIn = Field(
        default="body",
        description="Where it goes. In a body a dot leads into an object, such as "
        "`variables.syncToken`.",
        examples=["body"],
    )
    at: JmesPath = Field(description="Where the last page has it.", examples=["syncToken"])


class NoCursor(ConfigModel):
    """The list cannot tell what changed: every walk is complete, fingerprints find changes."""

    kind: Literal["none"] = Field(description="Every walk is complete.", examples=["none"])


Cursor = Annotated[UpdatedAtCursor | SyncTokenCursor | NoCursor, Field(discriminator="kind")]


class Fetch(ConfigModel):
    """How records are read by id."""

    request: Request = Field(
        description="The request; `{id}` for one, `{ids}` for several.",
        examples=[{"get": "/candidates", "query": {"ids": "{ids}"}}],
    )
    records: JmesPath = Field(
        default="@", description="Where the record, or the list of them, is.", examples=["data"]
    )
    batch: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Ids in one request.", examples=[50]
    )
    paginated: bool = Field(
        default=False,
        description="Whether the answer has pages like the list's own.",
        examples=[True],
    )


class Join(ConfigModel):
    """Brings another list's record to a record's side, as `joined.<name>` in mappings."""

    list: Filled = Field(description="The other list.", examples=["stages"])
    key: JmesPath = Field(
        description="Where the record has the key; no value means nothing to join.",
        examples=["stage_id"],
    )
    by: JmesPath | None = Field(
        default=None,
        description="Where the other record has the key; its id when not given.",
        examples=["application_id"],
    )
    load: Literal["all", "needed"] = Field(
        default="all",
        description="`all`: the other list is read whole, once in a run. `needed`: only the keys "
        "at hand are read, by that list's `fetch`.",
        examples=["needed"],
    )
    many: bool = Field(
        default=False,
        description="Whether several records may have the key; `joined.<name>` is a list then.",
        examples=[True],
    )
    optional: bool = Field(
        default=False,
        description="Whether records are imported without it where the other list cannot be read: "
        "the credential may not, the account has none, or it fails for now. The run names it; the "
        "fields stay empty, and are read again in the last case.",
        examples=[True],
    )
    sparse: bool = Field(
        default=False,
        description="`true`: that the other list has no record for a key is an answer too. Without "
        "it, keys that find nothing are counted on the run and warned of once.",
        examples=[True],
    )


class Detail(ConfigModel):
    """Reads each record in full, because the list shows only part of it."""

    when: Literal["changed", "swept", "always"] = Field(
        default="changed",
        description="`changed`: only when the list's record changed. `always`: with every walk, "
        "for parts whose changes the list does not show. `swept`: with every sweep, and in between "
        "when the list's record changed, where reading all of them at each poll takes too long.",
        examples=["changed"],
    )


class List(ConfigModel):
    """One list of the vendor's."""

    holds: Literal["candidates", "applications", "both", "lookup"] = Field(
        description="What a record is. `lookup` lists only serve joins and writes.",
        examples=["candidates"],
    )
    request: Request = Field(
        description="The request for the first page.",
        examples=[{"get": "/candidates", "query": {"per_page": "100"}}],
    )
    records: JmesPath = Field(
        default="@", description="Where the records are in the answer.", examples=["data"]
    )
    id: JmesPath = Field(default="id", description="Where a record has its id.", examples=["id"])
    pagination: Pagination = Field(
        default_factory=NoPagination,
        description="How pages follow each other.",
        examples=[{"kind": "link_header"}],
    )
    cursor: Cursor | None = Field(
        default=None,
        description="How changes are asked for; needed for every list that is polled.",
        examples=[{"kind": "none"}],
    )
    scopes: Filled | None = Field(
        default=None,
        description="The lookup list for each of whose records this list is walked, where the "
        "vendor lists by job or position only. `{scope}` in the request and in `fetch` is that "
        "record's id; each record of this list has it as `_scope`.",
        examples=["jobs"],
    )
    total: JmesPath | None = Field(
        default=None,
        description="Where the number of all records is. A walk that shows fewer, beyond what is "
        "added and deleted meanwhile, is not complete. Leave it out where the vendor counts records "
        "that the list does not show.",
        examples=["meta.total"],
    )
    absence_is_deletion: bool = Field(
        default=True,
        description="Whether a complete listing shows every record that exists.",
        examples=[True],
    )
    fetch: Fetch | None = Field(
        default=None,
        description="How records are read by id.",
        examples=[{"request": {"get": "/candidates/{id}"}}],
    )
    detail: Detail | None = Field(
        default=None,
        description="Whether each record is read in full by `fetch`.",
        examples=[{"when": "changed"}],
    )
    joins: dict[Filled, Join] = Field(
        default_factory=dict,
        description="Other lists' records that mappings need, by name.",
        examples=[{"stage": {"list": "stages", "key": "stage_id"}}],
    )
    volatile: list[Filled] = Field(
        default_factory=list,
        description="Dotted paths of what changes without meaning anything, such as signed "
        "addresses; `[]` after a name stands for every item.",
        examples=[["attachments[].url"]],
    )
    rotates: bool = Field(
        default=False,
        description="No effect any more: values under `volatile` paths are never compared.",
        examples=[True],
    )
