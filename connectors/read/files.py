"""Fetches candidates' files: where they are, whether that may be asked, and what comes of it."""

from binascii import a2b_base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec.structs import replace
from yarl import URL

from connectors.definition.compiled_paths import compile_path
from connectors.definition.files import Files
from connectors.definition.sources import PathSource
from connectors.errors import (
    AddressExpired,
    BrokenAnswer,
    FileTooLarge,
    Forbidden,
    Misdirected,
    NotFound,
    NotSupported,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http.addresses import same_origin, sendable
from connectors.http.answers import whole
from connectors.http.client import Answer, Outgoing
from connectors.http.parts import Parts
from connectors.read.background_details import DetailReader
from connectors.read.conversions import files, text
from connectors.read.getters import getter
from connectors.read.record_reader import ListReader
from connectors.values import FetchedFile, FileAddress, FileRef

FILE = "file"
"""The operation, as limits and metrics name it."""
MAX_REDIRECTS = 3
_HTTPS_PORT = 443
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AROUND = 64 * 1024
"""Bytes of an answer in JSON beside the content of its file."""
MARGIN = timedelta(seconds=5)
"""An address that ends within this time is not used any more."""
_WHOLE = frozenset({200, 203})
"""Statuses of an answer that is the whole file."""
_STALE = frozenset({401, 403, 404, 410})
"""Statuses of a file host for an address that it no longer accepts (S3 answers 403)."""


class FileHosts:
    """The hosts that files may be fetched from: those of the definition and of the operator."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Take host names, `*.` with a domain, and addresses with a scheme."""
        entries = list(hosts)
        self._origins = {URL(one).origin() for one in entries if "://" in one}
        self._names = {one for one in entries if "://" not in one and not one.startswith("*.")}
        self._suffixes = tuple(one[1:] for one in entries if one.startswith("*."))

    def allow(self, url: URL) -> bool:
        """True if a file may be fetched from there: https at a known name, or a known address."""
        if url.host is None or url.user is not None:
            return False
        if url.is_absolute() and url.origin() in self._origins:
            return True
        if url.scheme != "https" or url.port != _HTTPS_PORT:
            return False
        host = url.host.lower()
        return host in self._names or host.endswith(self._suffixes)


class FileReader:
    """Fetches the files of one integration's candidates."""

    def __init__(
        self,
        parts: Parts,
        readers: Mapping[str, ListReader],
        details: Mapping[str, DetailReader],
    ) -> None:
        model = parts.definition.model
        self._parts = parts
        self._title = model.title
        self._spec = model.files
        self._readers = readers
        self._details = details
        self._hosts = FileHosts(
            [*(self._spec.hosts if self._spec else ()), *parts.operator.attachments.hosts]
        )
        fields = parts.operator.fields
        own = fields.get("candidate.attachments") or fields.get("attachments")
        mapped = model.candidate.attachments if model.candidate else None
        source = PathSource(own) if own else mapped
        self._items = getter(source, parts.requests.zone(None)) if source is not None else None  # type: ignore[arg-type]  # validated to be a source

    async def addresses(self, list_name: str, record_id: str) -> Mapping[str, FileAddress] | None:
        """Reads a record again for the addresses of its files; None if it is gone."""
        read_at = self._parts.clock.now()
        details = self._details[list_name]
        if "candidate.attachments" in details.fields:
            shown = await details.attachments(record_id)
            return None if shown is None else _by_id(shown, read_at)
        reader = self._readers[list_name]
        record = await reader.record(record_id, background=True)
        if record is None:
            return None
        await reader.joins.join([record], [])
        if reader.joins.is_unsure([record]):
            raise BrokenAnswer(f"{list_name}: the ATS does not show the record's files now")
        return self._addresses(record, read_at)

    def _addresses(self, record: Any, read_at: datetime) -> dict[str, FileAddress]:
        items = self._items(record) if self._items is not None else None
        rows = [item for item in items or () if isinstance(item, dict)]
        shown = zip(files(rows), rows, strict=True)
        return _by_id([{**each, "handle": text(row.get("handle"))} for each, row in shown], read_at)

    async def fetch(
        self, ref: FileRef, address: FileAddress | None, *, max_bytes: int
    ) -> FetchedFile:
        """Fetches a file; see `connectors.connector.Connector.fetch_file`."""
        spec = self._spec
        if spec is None:
            raise NotSupported(f"{self._title}: the definition does not say how to fetch files")
        if spec.request is not None:
            request = self._parts.requests.draft(spec.request, FILE, _ids(ref)).outgoing()
        else:
            request = Outgoing(FILE, method="GET", url=await self._url(spec, ref, address))
        request = replace(
            request,
            headers={**request.headers, "Accept": "*/*"},
            is_background=True,
            max_bytes=max_bytes if spec.base64_at is None else max_bytes * 4 // 3 + _AROUND,
        )
        found = await self._follow(spec, request)
        return found if spec.base64_at is None else _decoded(found, spec.base64_at, max_bytes)

    async def _url(self, spec: Files, ref: FileRef, address: FileAddress | None) -> URL:
        if address is None:
            raise AddressExpired(f"{FILE}: its address is not known", operation=FILE)
        if spec.address is not None:
            return _joined(self._parts.requests.origin, await self._asked(spec, ref, address))
        if address.url is None:
            raise NotSupported(f"{FILE}: {self._title} shows no address of it")
        now, ends = self._parts.clock.now(), address.expires_at
        if ends is None and spec.lifetime is not None:
            ends = address.read_at + spec.lifetime
        if ends is not None and ends - MARGIN <= now:
            raise AddressExpired(f"{FILE}: its address is too old", operation=FILE)
        return _joined(self._parts.requests.origin, address.url)

    async def _asked(self, spec: Files, ref: FileRef, address: FileAddress) -> str:
        """Returns the address that the ATS names on request."""
        if spec.address is None:
            raise AssertionError("no request for addresses")
        if "handle" in spec.address.request.placeholders and address.handle is None:
            raise AddressExpired(f"{FILE}: its handle is not known", operation=FILE)
        values = {**_ids(ref), "handle": address.handle}
        draft = self._parts.requests.draft(
            spec.address.request, f"{FILE}.address", values, is_background=True
        )
        answer = await self._parts.transport.read(draft.outgoing(), "fetch", whole, again=False)
        found = compile_path(spec.address.at)(answer.payload)
        if not isinstance(found, str) or not found:
            message = f"{FILE}: the answer names no address at `{spec.address.at}`"
            raise BrokenAnswer(message, status=answer.status, operation=FILE)
        return found

    async def _follow(self, spec: Files, request: Outgoing) -> FetchedFile:
        """Fetches the file, also from where its host redirects to."""
        for _ in range(MAX_REDIRECTS + 1):
            own = same_origin(request.url, self._parts.requests.origin)
            authorised = own and spec.auth == "api"
            if not (authorised or self._hosts.allow(request.url)):
                raise Misdirected(
                    f"{FILE}: {request.url.host} is no file host of {self._title}; nothing was sent "
                    "there. If it is one, add it to the integration's `attachments.hosts`",
                    operation=FILE,
                )
            answer = await self._parts.transport.file(request, authorised=authorised)
            if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                return self._judged(request, answer, authorised=authorised)
            target = _joined(request.url, answer.headers["Location"])
            headers = {"Accept": "*/*"}
            request = replace(request, method="GET", url=target, headers=headers, body=None)
        raise Misdirected(f"{FILE}: more than {MAX_REDIRECTS} redirects", operation=FILE)

    def _judged(self, request: Outgoing, answer: Answer, *, authorised: bool) -> FetchedFile:
        status = answer.status
        if authorised:
            error = self._parts.transport.file_error(request, answer)
            if isinstance(error, NotFound | Forbidden):
                raise AddressExpired(str(error), status=status, operation=FILE) from error
            if error is not None:
                raise error
        elif status in _STALE:
            raise AddressExpired(f"{FILE}: its host answered {status}", status=status)
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimited(f"{FILE}: its host asks to slow down", operation=FILE)
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"{FILE}: its host answered {status}", status=status, operation=FILE)
        if status not in _WHOLE:
            # Such as a part of the file, or that it is being prepared.
            raise Rejected(
                f"{FILE}: answered {status}, not with the file", status=status, operation=FILE
            )
        return FetchedFile(answer.body, answer.headers.get("Content-Type"))


def _decoded(found: FetchedFile, base64_at: str, max_bytes: int) -> FetchedFile:
    """Returns the file that an answer in JSON has inside."""
    try:
        text = compile_path(base64_at)(msgspec.json.decode(found.content))
        content = a2b_base64(text) if isinstance(text, str) else None
    except (msgspec.DecodeError, ValueError, RecursionError):
        content = None
    if content is None:
        raise BrokenAnswer(f"{FILE}: the answer has no content at `{base64_at}`", operation=FILE)
    if len(content) > max_bytes:
        raise FileTooLarge(f"the file is larger than {max_bytes} bytes", operation=FILE)
    return FetchedFile(content, None)


def _by_id(attachments: Sequence[Mapping[str, Any]], read_at: datetime) -> dict[str, FileAddress]:
    return {
        each["external_id"]: FileAddress(
            each["url"], each["url_expires_at"], read_at, each.get("handle")
        )
        for each in attachments
        if each["external_id"] is not None
    }


def _ids(ref: FileRef) -> dict[str, object]:
    return {
        "record_id": ref.record_id,
        "candidate_id": ref.candidate_id,
        "attachment_id": ref.attachment_id,
    }


def _joined(base: URL, address: str) -> URL:
    try:
        return base.join(URL(sendable(address), encoded=True))
    except ValueError:
        raise Misdirected(f"{FILE}: its address cannot be read", operation=FILE) from None
