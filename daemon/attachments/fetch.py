"""Fetches one file: where it is now, its content, a copy, and ClearView's name for that.

The order makes a kill harmless. First the queue names the copy that is about to be written, then it
is written, then the queue says that it is whole, and only then ClearView names it. The next attempt
begins where the row says.
"""

import hashlib
from datetime import datetime, timedelta

import structlog

from connectors.errors import (
    AddressExpired,
    AtsError,
    AuthRefused,
    FileTooLarge,
    Misdirected,
    NotSupported,
    RateLimited,
    TokenUnavailable,
)
from connectors.values import FetchedFile, FileAddress, FileRef
from daemon.attachments.cleanup import release
from daemon.attachments.content_type import content_type_of
from daemon.attachments.context import FetchContext
from daemon.core.attachments import FileFacts, FileFailure, FileToFetch, file_id_of
from daemon.core.retry import Jitter, RetryRule, next_attempt
from daemon.core.runs import in_words

log = structlog.get_logger("daemon.attachments")

WAIT_FOR_ATS = (AuthRefused, RateLimited, TokenUnavailable)
"""Errors that no file is to blame for: all of them wait."""
PAUSE = timedelta(minutes=1)
"""The pause after one of them."""
RETRY = RetryRule(
    floor=timedelta(seconds=5),
    base=timedelta(seconds=30),
    cap=timedelta(hours=6),
    horizon=timedelta(days=7),
)


async def fetch(context: FetchContext, file: FileToFetch) -> None:
    """Takes a file as far as it gets; what fails is noted with the file and tried again.

    Raises:
        AtsError: one of `WAIT_FOR_ATS`.
        Exception: MongoDB is away.
    """
    try:
        if file.state == "stored" and file.facts is not None:
            await _publish(context, file, file.facts)
        else:
            await _fetch(context, file)
    except WAIT_FOR_ATS:
        # It may be about this file alone: the others are not to wait for it again and again.
        await context.queue.put_off(file, context.ports.clock.now() + PAUSE)
        raise
    except Exception as error:
        if context.ports.is_outage(error):
            raise
        await _note_failure(context, file, error)


async def _fetch(context: FetchContext, file: FileToFetch) -> None:
    ports = context.ports
    if not context.rules.wants(file.kind):
        raise NotSupported("it is not to be fetched any more, by the integration's `attachments`")
    async with ports.slots:
        attachment, address = await _known(context, file)
        fetched = await _content(context, file, address)
        kind = content_type_of(fetched.content, attachment, fetched.declared_type)
        facts = _facts(context, fetched, kind)
        async with context.storing:
            if not await context.queue.begin(file, facts.file_id, at=ports.clock.now()):
                return
            await ports.shelf.keep(file, facts, fetched.content)
    if await context.queue.stored(file, facts, at=ports.clock.now()):
        await _publish(context, file, facts)
    else:
        await release(context, file, {facts.file_id})


async def _known(context: FetchContext, file: FileToFetch) -> tuple[str | None, FileAddress | None]:
    """Returns the file's name and address as the ATS last said them."""
    for snapshot in await context.ports.known.load(file.list_name, [file.record_id]):
        for each in (snapshot.candidate or {}).get("attachments") or ():
            if each["external_id"] == file.external_id:
                url, ends = each["url"], each["url_expires_at"]
                return each["name"], FileAddress(url, ends, snapshot.seen_at)
    return None, None


async def _content(
    context: FetchContext, file: FileToFetch, address: FileAddress | None
) -> FetchedFile:
    """Returns the content; the address is read again where the known one is stale or refused."""
    connector, most = context.connector, context.rules.max_bytes
    ref = FileRef(file.list_name, file.record_id, file.candidate_external_id, file.external_id)
    try:
        return await connector.fetch_file(ref, address, max_bytes=most)
    except AddressExpired as stale:
        try:
            fresh = await connector.file_addresses(file.list_name, file.record_id)
        except NotSupported:
            raise stale from None
    if fresh is None or file.external_id not in fresh:
        raise AddressExpired("the ATS no longer shows this file")
    return await connector.fetch_file(ref, fresh[file.external_id], max_bytes=most)


def _facts(context: FetchContext, fetched: FetchedFile, content_type: str) -> FileFacts:
    sha256 = hashlib.sha256(fetched.content).hexdigest()
    return FileFacts(file_id_of(context.of.id, sha256), sha256, len(fetched.content), content_type)


async def _publish(context: FetchContext, file: FileToFetch, facts: FileFacts) -> None:
    ports = context.ports
    if not await ports.shelf.publish(file, facts, at=ports.clock.now()):
        await context.queue.vanish(file, at=ports.clock.now())
        return
    await release(context, file, file.copies - {facts.file_id})
    if await context.queue.fetched(file, at=ports.clock.now()):
        ports.metrics.count("attachments_fetched", integration=context.of.name)
        ports.metrics.count("attachment_bytes_fetched", facts.size, integration=context.of.name)


async def _note_failure(context: FetchContext, file: FileToFetch, error: Exception) -> None:
    ports, now = context.ports, context.ports.clock.now()
    failure = after_failure(file, error, now=now, jitter=ports.jitter)
    if not await context.queue.failed(file, failure, at=now):
        return
    ports.metrics.count("attachments_failed", integration=context.of.name, state=failure.state)
    if failure.state == "dead":
        log.warning(
            "attachment_given_up",
            integration=context.of.name,
            attachment_id=str(file.id),
            error=failure.error,
        )


def after_failure(
    file: FileToFetch, error: Exception, *, now: datetime, jitter: Jitter
) -> FileFailure:
    """Returns the state of the file after this error.

    A file that is too large is skipped. A host that is not the vendor's waits for a person.
    Everything else may pass, and is given up at the end of `RETRY`.
    """
    words = in_words(error)
    if isinstance(error, FileTooLarge | NotSupported):
        return FileFailure("skipped", words)
    if isinstance(error, Misdirected):
        return FileFailure("dead", words)
    at = next_attempt(
        RETRY,
        attempts=file.attempts + 1,
        first_attempt_at=file.first_attempt_at or now,
        now=now,
        jitter=jitter,
    )
    if at is None:
        return FileFailure("dead", words)
    asked = error.until if isinstance(error, AtsError) else None
    return FileFailure("retrying", words, at if asked is None else max(at, asked))
