"""The least that an import can cost: the bare work, done in the quickest way we know.

No mapping, no comparison field by field, no model, no checkpoint, no run document: a page is cut
into records, each becomes three documents or is found to be the same, and the next page is fetched
while this one is written. What `daemon` costs beyond this is the price of what it promises.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import bson
import msgspec
import xxhash
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, IndexModel, ReplaceOne, UpdateOne, WriteConcern
from yarl import URL

_RECORDS = msgspec.json.Decoder(list[msgspec.Raw])
_SORTED = msgspec.json.Encoder(order="sorted")
_FIELDS = (
    "first_name", "last_name", "email_addresses", "phone_numbers", "addresses", "company", "title",
    "website_addresses", "social_media_addresses", "tags", "custom_fields", "attachments",
    "private", "created_at", "updated_at",
)  # fmt: skip


class _Id(msgspec.Struct):
    id: int


_ID = msgspec.json.Decoder(_Id)
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Site:
    """Where the work is done."""

    uri: str
    database: str
    url: str

    def client(self) -> AsyncMongoClient[dict[str, Any]]:
        return AsyncMongoClient(self.uri, tz_aware=True)

    def collections(self, client: AsyncMongoClient[dict[str, Any]]) -> tuple[Any, Any, Any]:
        database = client.get_database(self.database, write_concern=WriteConcern("majority"))
        return database["snapshots"], database["candidates"], database["log"]


async def pages(url: str) -> AsyncIterator[bytes]:
    """Every page; the next one is asked for as soon as this one's headers are there."""
    async with aiohttp.ClientSession() as session:
        response: aiohttp.ClientResponse | None = await session.get(url)
        while response is not None:
            link = response.links.get("next")
            ahead = asyncio.create_task(session.get(URL(link["url"]))) if link else None
            yield await response.read()
            response = await ahead if ahead else None


async def fetch(site: Site) -> Counts:
    """Nothing but the bytes."""
    total = 0
    async for body in pages(site.url):
        total += len(body)
    return {"bytes": total}


async def fetch_and_slice(site: Site) -> Counts:
    """And cut into records."""
    records = 0
    async for body in pages(site.url):
        records += len(_RECORDS.decode(body))
    return {"seen": records}


async def fetch_and_parse(site: Site) -> Counts:
    """And parsed as a whole."""
    records = 0
    async for body in pages(site.url):
        records += len(msgspec.json.decode(body))
    return {"seen": records}


# The first import: three documents a record


def _raw(document: dict[str, Any]) -> RawBSONDocument:
    return RawBSONDocument(bson.encode(document))


def _candidate(record: dict[str, Any]) -> dict[str, Any]:
    return {field: record[field] for field in _FIELDS}


def pruned(record: dict[str, Any]) -> dict[str, Any]:
    """The record without what differs in every answer."""
    files = [{k: v for k, v in file.items() if k != "url"} for file in record["attachments"]]
    return record | {"attachments": files}


def _print(record: dict[str, Any]) -> bytes:
    return xxhash.xxh3_128_digest(_SORTED.encode(pruned(record)))


def _snapshot(key: str, raw: msgspec.Raw, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "_id": key,
        "external_id": key,
        "digest": xxhash.xxh3_128_digest(memoryview(raw)),
        "fingerprint": _print(record),
        "candidate": _candidate(record),
    }


def _log_row(key: str, at: datetime, change: str) -> dict[str, Any]:
    return {"candidate_id": key, "imported_at": at, "status": "Success", "change": change}


async def first_import(site: Site) -> Counts:
    """A snapshot, a candidate and a log row for each record, one page ahead."""
    async with site.client() as client:
        stores = site.collections(client)
        for store in stores[:2]:  # no import can do without these two
            await store.create_indexes([IndexModel([("external_id", 1)], unique=True)])
        written, writing = 0, None
        async for body in pages(site.url):
            rows = [_three(raw) for raw in _RECORDS.decode(body)]
            if writing is not None:
                await writing
            writing = asyncio.create_task(_insert(stores, rows))
            written += len(rows)
        if writing is not None:
            await writing
        return {"created": written}


def _three(raw: msgspec.Raw) -> tuple[RawBSONDocument, ...]:
    record = msgspec.json.decode(raw)
    key = str(record["id"])
    at = datetime.now(UTC)
    snapshot = _snapshot(key, raw, record)
    candidate = {"_id": key, "external_id": key, **snapshot["candidate"], "updated_at": at}
    return (
        _raw(snapshot),
        _raw(candidate),
        _raw({"_id": key, **_log_row(key, at, "created")}),
    )


async def _insert(stores: tuple[Any, ...], rows: list[tuple[RawBSONDocument, ...]]) -> None:
    await asyncio.gather(
        *(
            store.insert_many([row[at] for row in rows], ordered=False)
            for at, store in enumerate(stores)
        )
    )


# Reading everything again


async def unchanged(site: Site) -> Counts:
    """Bytes are compared; what differs is replaced."""
    async with site.client() as client:
        stores, seen, changed = site.collections(client), 0, 0
        async for body in pages(site.url):
            raws = {str(_ID.decode(raw).id): raw for raw in _RECORDS.decode(body)}
            known = await _known(stores[0], list(raws), "digest")
            differing = [
                key
                for key, raw in raws.items()
                if known.get(key) != xxhash.xxh3_128_digest(memoryview(raw))
            ]
            seen, changed = seen + len(raws), changed + len(differing)
            if differing:
                await _replace(stores, {key: raws[key] for key in differing})
        return {"seen": seen, "updated": changed}


async def volatile(site: Site) -> Counts:
    """Each record is decoded and compared without what differs in every answer."""
    async with site.client() as client:
        stores, seen, changed = site.collections(client), 0, 0
        async for body in pages(site.url):
            prints = {}
            for raw in _RECORDS.decode(body):
                record = msgspec.json.decode(raw)
                prints[str(record["id"])] = _print(record)
            known = await _known(stores[0], list(prints), "fingerprint")
            seen += len(prints)
            changed += sum(known.get(key) != print_ for key, print_ in prints.items())
        return {"seen": seen, "updated": changed}


async def _known(store: Any, keys: list[str], field: str) -> dict[str, bytes]:
    rows = await store.find({"_id": {"$in": keys}}, {field: 1}).to_list()
    return {row["_id"]: row[field] for row in rows}


async def _replace(stores: tuple[Any, ...], raws: dict[str, msgspec.Raw]) -> None:
    at = datetime.now(UTC)
    rows = {key: msgspec.json.decode(raw) for key, raw in raws.items()}
    snapshots = [
        ReplaceOne[RawBSONDocument]({"_id": key}, _raw(_snapshot(key, raws[key], rows[key])))
        for key in raws
    ]
    patches = [UpdateOne({"_id": key}, {"$set": {"title": rows[key]["title"]}}) for key in raws]
    lines = [_raw(_log_row(key, at, "updated")) for key in raws]
    await asyncio.gather(
        stores[0].bulk_write(snapshots, ordered=False),
        stores[1].bulk_write(patches, ordered=False),
        stores[2].insert_many(lines, ordered=False),
    )


WORK = {
    "fetch": fetch,
    "fetch and slice": fetch_and_slice,
    "fetch and parse": fetch_and_parse,
    "first import": first_import,
    "unchanged": unchanged,
    "volatile": volatile,
    "1 % changed": unchanged,
}
