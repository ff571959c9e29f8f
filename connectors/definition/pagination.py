"""The kinds of pagination."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import ConfigModel, Filled, optional_key, switch
from connectors.definition.paths import JmesPath


class NoPagination(ConfigModel):
    """Everything comes in one answer."""

    kind: Literal["none"] = optional_key("One answer.", "none", default="none")


class _Counted(ConfigModel):
    send_in: Literal["query", "body", "path"] = optional_key(
        "Where the parameter goes. `body`: a dot in it leads into an object, such as "
        "`variables.page`. `path`: `{<parameter>}` is in the request's path, such as "
        "`/people/page/{page}`.",
        "query",
        default="query",
    )
    more: JmesPath | None = optional_key(
        "A condition on the answer that holds while there are more pages: true or "
        "false. An answer where it is neither proves no end and is asked for again.",
        "hasMore",
    )
    done: JmesPath | None = optional_key(
        "A condition on the answer that holds on the last page: true or false, as for `more`.",
        "paginationComplete",
    )


class PagePagination(_Counted):
    """Pages by number. Without `more`, `done` or `pages`, an empty page is the end."""

    kind: Literal["page"] = Field(description="Pages by number.", examples=["page"])
    parameter: Filled = Field(description="The page's parameter.", examples=["page"])
    first: int = optional_key("The first page's number.", 1, default=1)
    pages: JmesPath | None = optional_key("Where the number of pages is.", "meta.page_count")


class OffsetPagination(_Counted):
    """Records by offset. Without `more`, `done` or `total`, an empty page is the end."""

    kind: Literal["offset"] = Field(description="Records by offset.", examples=["offset"])
    parameter: Filled = Field(description="The offset's parameter.", examples=["offset"])
    total: JmesPath | None = optional_key("Where the number of records is.", "total")


class CursorPagination(ConfigModel):
    """An opaque cursor, taken from each answer and sent with the next request. It may be the same on
    every page; only a page that comes again is refused.
    """

    kind: Literal["cursor"] = Field(description="An opaque cursor.", examples=["cursor"])
    parameter: Filled = Field(description="The parameter that sends it.", examples=["cursor"])
    send_in: Literal["query", "body"] = optional_key(
        "Where the parameter goes. `body`: a dot in it leads into an object, such as "
        '`variables.after`; a name with a dot of its own is in quotes, `"a.b".after`; a number '
        "leads into a list of the request's, such as `filters.0.value`.",
        "body",
        default="query",
    )
    at: JmesPath | None = optional_key("Where the answer has the next cursor.", "nextCursor")
    header: Filled | None = optional_key(
        "The header that has the next cursor, instead of `at`.", "X-Next-Cursor"
    )
    more: JmesPath | None = optional_key(
        "A condition that holds while there are more pages; without it, a missing "
        "cursor is the end.",
        "moreDataAvailable",
    )
    alone: bool = switch("`true`: the cursor must be the only parameter.")
    scroll: bool = switch(
        "`true`: the vendor keeps the position of the walk and may send the same cursor "
        "on every page. An empty page is the end; a page whose answer was lost is not asked for "
        "again, and an interrupted walk begins from the front. Without it the same cursor may "
        "come again too, but the end must be given by `more` or a missing cursor."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "CursorPagination":
        if (self.at is None) == (self.header is None):
            raise ValueError("needs exactly one of `at` and `header`")
        return self


class _Followed(ConfigModel):
    keep_origin: bool = switch(
        "`true`: an address on the endpoint's host is followed with the endpoint's own "
        "scheme and port, for vendors that write `http://` behind a TLS proxy. Without it such an "
        "address is refused, and one on another host always is."
    )


class LinkPagination(_Followed):
    """The next page's address in the `Link` header, followed as it is; a blank and whatever else
    cannot be in an address is percent-encoded.
    """

    kind: Literal["link_header"] = Field(
        description="Addresses in the Link header.", examples=["link_header"]
    )
    rel: Filled = optional_key("The link's relation.", "next", default="next")


class NextUrlPagination(_Followed):
    """The next page's address in the body, followed as it is; a blank and whatever else cannot
    be in an address is percent-encoded.
    """

    kind: Literal["next_url"] = Field(description="Addresses in the body.", examples=["next_url"])
    at: JmesPath = Field(description="Where the address is.", examples=["paging.next"])
    carry: list[Filled] = optional_key(
        "Query parameters of the first request that are added where the address lacks them.",
        ["updated_after"],
        make=list,
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
