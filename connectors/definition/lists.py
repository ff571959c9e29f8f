"""The lists that a vendor offers: how they are requested, read by id and joined."""

from typing import Annotated, Literal

from pydantic import Field

from config.values import ConfigModel, Filled
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
    records: JmesPath = Field(
        default="@", description="Where the record, or the list of them, is.", examples=["data"]
    )
    batch: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Ids in one request.", examples=[50]
    )
    adds_id: bool = Field(
        default=False,
        description="`true`: records that are read one by one do not show their own id; each gets "
        "the one that it was asked for by.",
        examples=[True],
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


class DetailRead(ConfigModel):
    """One more request about a record; its answer is `detail.<name>` in mappings."""

    request: Request = Field(
        description="The request; `{id}` is the record's id, `{ids}` are several.",
        examples=[{"get": "/candidates/{id}/files"}],
    )
    per: Literal["record", "application"] = Field(
        default="record",
        description="`application`: it is made for each application of a record that has several, "
        "and `{job_id}` is the id of its job.",
        examples=["application"],
    )
    records: JmesPath = Field(
        default="@", description="Where the record, or the list of them, is.", examples=["data"]
    )
    many: bool = Field(
        default=False,
        description="Whether there are several; `detail.<name>` is a list then.",
        examples=[True],
    )
    pagination: Pagination = Field(
        default_factory=NoPagination,
        description="How pages follow each other, where there are `many`.",
        examples=[{"kind": "next_url", "at": "paging.next"}],
    )
    batch: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Ids in one request.", examples=[50]
    )
    by: JmesPath = Field(
        default="id",
        description="Where what a `batch` brings has the id of its record.",
        examples=["candidate_id"],
    )
    optional: bool = Field(
        default=False,
        description="`true`: it is empty where the credential may not read it, or where the ATS "
        "has none.",
        examples=[True],
    )
    joins: dict[Filled, Join] = Field(
        default_factory=dict,
        description="Other lists' records for parts of the answer, as `joined.<name>` inside them.",
        examples=[{"field": {"list": "custom_fields", "key": "field_id"}}],
    )
    joined_to: JmesPath = Field(
        default="@",
        description="Where the parts that get `joins` are in the answer.",
        examples=["values"],
    )


class Detail(ConfigModel):
    """Reads what a list does not show: each record in full, before it is imported, or with `read` more
    of it in the background, afterwards.
    """

    when: Literal["changed", "swept", "always"] = Field(
        default="changed",
        description="`changed`: only when the list's record changed. `always`: with every walk, "
        "for parts whose changes the list does not show. `swept`: with every sweep, and in between "
        "when the list's record changed, where reading all of them at each poll takes too long.",
        examples=["changed"],
    )
    read: dict[Filled, DetailRead] = Field(
        default_factory=dict,
        description="Requests that are made in the background for each changed record, by name: "
        "fields whose paths read `detail.<name>` follow later, and no status waits for them. With "
        "`always` the record itself is read in full before it is imported, besides.",
        examples=[{"files": {"request": {"get": "/candidates/{id}/files"}, "many": True}}],
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
    deleted_by: Filled | None = Field(
        default=None,
        description="The lookup list of records that were deleted, where the vendor has one: the "
        "ids of this list's records, with a `cursor` over the time of deletion. Every poll reads it, "
        "and asks for each id by `fetch` before it is deleted.",
        examples=["deleted"],
    )
    fetch: Fetch | None = Field(
        default=None,
        description="How records are read by id.",
        examples=[{"request": {"get": "/candidates/{id}"}}],
    )
    detail: Detail | None = Field(
        default=None,
        description="What is read of each record beyond what the list shows: the whole record by "
        "`fetch`, or with `read` more of it in the background.",
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

    @property
    def reads_inline(self) -> bool:
        """True: a record is imported only once it was read in full."""
        return self.detail is not None and (not self.detail.read or self.detail.when == "always")

    @property
    def detail_reads(self) -> dict[str, DetailRead]:
        """The requests about a record that are made in the background, by name."""
        return {} if self.detail is None else self.detail.read
