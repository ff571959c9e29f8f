"""Known pages in MongoDB, as `daemon.ports.imports.PagePrints`."""

from collections.abc import Sequence
from uuid import UUID

from connectors.base import PagePrint
from daemon.ports.imports import KnownPage
from daemon.store.connection import Mongo, Row
from daemon.store.outbox import insert_missing
from models.documents import PagePrint as Document
from models.ids import derived_id


class MongoPagePrints:
    """`page_prints` of one integration."""

    def __init__(self, mongo: Mongo, integration_id: UUID) -> None:
        self._collection = mongo.collection(Document)
        self._integration = integration_id

    def _of_list(self, list_name: str) -> Row:
        return {"ats_integration_id": self._integration, "list": list_name}

    async def load(self, list_name: str, book: UUID) -> list[KnownPage]:
        rows = self._collection.find({**self._of_list(list_name), "book": book})
        return [_page(row) for row in await rows.to_list()]

    async def clear(self, list_name: str) -> None:
        await self._collection.delete_many(self._of_list(list_name))

    async def add(self, list_name: str, book: UUID, pages: Sequence[KnownPage]) -> None:
        common = {**self._of_list(list_name), "book": book}
        await insert_missing(self._collection, [{**common, **_row(book, page)} for page in pages])


def _row(book: UUID, page: KnownPage) -> Row:
    return {
        "_id": derived_id(book, "page", page.print.digest.hex()),
        "digest": page.print.digest,
        "records": page.print.records,
        "latest": page.print.latest,
        "around": page.print.around,
        "ids": page.ids,
    }


def _page(row: Row) -> KnownPage:
    print_ = PagePrint(row["digest"], row["records"], row["latest"], row["around"])
    return KnownPage(print_, row["ids"])
