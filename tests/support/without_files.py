"""The part of a fake connector that has no files."""

from collections.abc import Mapping

from connectors.errors import NotSupported
from connectors.values import FetchedFile, FileAddress, FileRef


class WithoutFiles:
    """Raises NotSupported for every file."""

    __slots__ = ()

    async def file_addresses(
        self, list_name: str, record_id: str
    ) -> Mapping[str, FileAddress] | None:
        raise NotSupported("files")

    async def fetch_file(
        self, ref: FileRef, address: FileAddress | None, *, max_bytes: int
    ) -> FetchedFile:
        raise NotSupported("files")
