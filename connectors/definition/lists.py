"""The lists that a vendor offers: how they are requested, read by id and joined."""

from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Filled, optional_key, switch
from connectors.definition.cursors import Cursor
from connectors.definition.pagination import NoPagination, Pagination
from connectors.definition.paths import JmesPath
from connectors.definition.requests import Request


class Fetch(ConfigModel):
    """The request that reads records by id."""

    request: Request = Field(
        description="The request; `{id}` for one, `{ids}` for several.",
        examples=[{"get": "/candidates", "query": {"ids": "{ids}"}}],
    )
    records: JmesPath = optional_key(
        "Where the record, or the list of them, is.", "data", default="@"
    )
    batch: Annotated[int, Field(ge=1, le=1000)] = optional_key("Ids in one request.", 50, default=1)
    adds_id: bool = switch(
        "`true`: records that are read one by one do not show their own id; each gets "
        "the one that it was asked for by."
    )
    paginated: bool = switch("Whether the answer has pages like the list's own.")


class Join(ConfigModel):
    """Brings another list's record to a record's side, as `joined.<name>` in mappings."""

    list: Filled = Field(description="The other list.", examples=["stages"])
    key: JmesPath = Field(
        description="Where the record has the key; no value means nothing to join.",
        examples=["stage_id"],
    )
    by: JmesPath | None = optional_key(
        "Where the other record has the key; its id when not given.", "application_id"
    )
    load: Literal["all", "needed"] = optional_key(
        "`all`: the other list is read whole, once in a run. `needed`: only the keys "
        "at hand are read, by that list's `fetch`.",
        "needed",
        default="all",
    )
    many: bool = switch("Whether several records may have the key; `joined.<name>` is a list then.")
    optional: bool = switch(
        "Whether records are imported without it where the other list cannot be read: "
        "the credential may not, the account has none, or it fails for now. The run names it; the "
        "fields stay empty, and are read again in the last case."
    )
    sparse: bool = switch(
        "`true`: that the other list has no record for a key is an answer too. Without "
        "it, keys that find nothing are counted on the run and warned of once."
    )


class DetailRead(ConfigModel):
    """One more request about a record; its answer is `detail.<name>` in mappings."""

    request: Request = Field(
        description="The request; `{id}` is the record's id, `{ids}` are several.",
        examples=[{"get": "/candidates/{id}/files"}],
    )
    per: Literal["record", "application"] = optional_key(
        "`application`: it is made for each application of a record that has several, "
        "and `{job_id}` is the id of its job.",
        "application",
        default="record",
    )
    records: JmesPath = optional_key(
        "Where the record, or the list of them, is.", "data", default="@"
    )
    many: bool = switch("Whether there are several; `detail.<name>` is a list then.")
    pagination: Pagination = optional_key(
        "How pages follow each other, where there are `many`.",
        {"kind": "next_url", "at": "paging.next"},
        make=NoPagination,
    )
    batch: Annotated[int, Field(ge=1, le=1000)] = optional_key("Ids in one request.", 50, default=1)
    by: JmesPath = optional_key(
        "Where what a `batch` brings has the id of its record.", "candidate_id", default="id"
    )
    optional: bool = switch(
        "`true`: it is empty where the credential may not read it, or where the ATS has none."
    )
    joins: dict[Filled, Join] = optional_key(
        "Other lists' records for parts of the answer, as `joined.<name>` inside them.",
        {"field": {"list": "custom_fields", "key": "field_id"}},
        make=dict,
    )
    joined_to: JmesPath = optional_key(
        "Where the parts that get `joins` are in the answer.", "values", default="@"
    )


class Detail(ConfigModel):
    """Reads what a list does not show: each record in full, before it is imported, or with `read` more
    of it in the background, afterwards.
    """

    when: Literal["changed", "swept", "always"] = optional_key(
        "`changed`: only when the list's record changed. `always`: with every walk, "
        "for parts whose changes the list does not show. `swept`: with every sweep, and in between "
        "when the list's record changed, where reading all of them at each poll takes too long.",
        "changed",
        default="changed",
    )
    read: dict[Filled, DetailRead] = optional_key(
        "Requests that are made in the background for each changed record, by name: "
        "fields whose paths read `detail.<name>` follow later, and no status waits for them. With "
        "`always` the record itself is read in full before it is imported, besides.",
        {"files": {"request": {"get": "/candidates/{id}/files"}, "many": True}},
        make=dict,
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
    records: JmesPath = optional_key("Where the records are in the answer.", "data", default="@")
    id: JmesPath = optional_key("Where a record has its id.", "id", default="id")
    pagination: Pagination = optional_key(
        "How pages follow each other.", {"kind": "link_header"}, make=NoPagination
    )
    cursor: Cursor | None = optional_key(
        "How changes are asked for; needed for every list that is polled.", {"kind": "none"}
    )
    scopes: Filled | None = optional_key(
        "The lookup list for each of whose records this list is walked, where the "
        "vendor lists by job or position only. `{scope}` in the request and in `fetch` is that "
        "record's id; each record of this list has it as `_scope`.",
        "jobs",
    )
    total: JmesPath | None = optional_key(
        "Where the number of all records is. A walk that shows fewer, beyond what is "
        "added and deleted meanwhile, is not complete. Leave it out where the vendor counts records "
        "that the list does not show.",
        "meta.total",
    )
    absence_is_deletion: bool = switch(
        "Whether a complete listing shows every record that exists.", default=True
    )
    deleted_by: Filled | None = optional_key(
        "The lookup list of records that were deleted, where the vendor has one: the "
        "ids of this list's records, with a `cursor` over the time of deletion. Every poll reads it, "
        "and asks for each id by `fetch` before it is deleted.",
        "deleted",
    )
    fetch: Fetch | None = optional_key(
        "How records are read by id.", {"request": {"get": "/candidates/{id}"}}
    )
    detail: Detail | None = optional_key(
        "What is read of each record beyond what the list shows: the whole record by "
        "`fetch`, or with `read` more of it in the background.",
        {"when": "changed"},
    )
    joins: dict[Filled, Join] = optional_key(
        "Other lists' records that mappings need, by name.",
        {"stage": {"list": "stages", "key": "stage_id"}},
        make=dict,
    )
    volatile: list[Filled] = optional_key(
        "Dotted paths of what changes without meaning anything, such as signed "
        "addresses; `[]` after a name means every item.",
        ["attachments[].url"],
        make=list,
    )
    rotates: bool = switch("No effect any more: values under `volatile` paths are never compared.")

    @property
    def is_scoped(self) -> bool:
        """True: its request holds `{scope}`."""
        return "scope" in self.request.placeholders

    @property
    def reads_inline(self) -> bool:
        """True: a record is imported only once it was read in full."""
        return self.detail is not None and (not self.detail.read or self.detail.when == "always")

    @property
    def detail_reads(self) -> dict[str, DetailRead]:
        """The requests about a record that are made in the background, by name."""
        return {} if self.detail is None else self.detail.read
