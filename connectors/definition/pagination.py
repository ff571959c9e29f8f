"""The kinds of pagination."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import ConfigModel, Filled
from connectors.definition.paths import JmesPath


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
    send_in: Literal["query", "body"] = Field(
        default="query",
        description="Where the parameter goes. `body`: a dot in it leads into an object, such as "
        '`variables.after`; a name with a dot of its own stands in quotes, `"a.b".after`; a number '
        "leads into a list of the request's, such as `filters.0.value`.",
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
        "come again too, but the end must be given by `more` or a missing cursor.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _one_source(self) -> "CursorPagination":
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
