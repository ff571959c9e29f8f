"""Deletes copies that no file refers to any more."""

from collections.abc import Collection
from uuid import UUID

from daemon.attachments.context import FetchContext
from daemon.core.attachments import FileToFetch

AT_ONCE = 100


async def delete_gone(context: FetchContext) -> None:
    """Deletes the copies of files that are gone. A killed deletion is repeated."""
    while context.still_held() and (files := await context.queue.gone(limit=AT_ONCE)):
        for file in files:
            await context.ports.shelf.retract(file)
            await release(context, file, file.copies)
            await context.queue.forget(file)


async def release(context: FetchContext, file: FileToFetch, copies: Collection[UUID]) -> None:
    """Deletes those of the file's copies that no other file has."""
    if not copies:
        return
    async with context.storing:
        unused = frozenset(copies) - await context.queue.in_use(file, copies)
        if unused and context.still_held():
            await context.ports.shelf.discard(unused)
