"""Connectors that talk to simulated ATSs, and what an import through them arrives at."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from config.operator import Integration
from connectors.connector import Connector
from connectors.registry import create_connector, load_definition
from connectors.simulator import Simulator
from connectors.values import Cursor, Mapped, RecordDetails, Window


class QuickClock:
    """The system's time, in which sleeping makes time jump; it remembers what was asked."""

    def __init__(self, *, scale: float = 0.0) -> None:
        self.scale = scale
        self.slept: list[float] = []
        self._jumped = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self._jumped

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._jumped += seconds * (1 - self.scale)
        await asyncio.sleep(seconds * self.scale)


class SteppedClock(QuickClock):
    """Wall time that a test moves by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


def integration_for(simulator: Simulator, **settings: Any) -> Integration:
    """What an operator would write for this simulated account."""
    facts: dict[str, Any] = {
        "connector": simulator.NAME,
        "endpoint": simulator.url,
        "credentials": {k: SecretStr(v) for k, v in simulator.credentials.items()},
        "options": simulator.options,
        "acting_user": simulator.acting_user,
        "rejection_reasons": {"default": "Not a fit", "withdrew": "Withdrew"},
    }
    return Integration(**{**facts, **settings})


def connect(simulator: Simulator, **settings: Any) -> Connector:
    """A connector to this simulated account, by the catalog's definition."""
    parts = {k: settings.pop(k) for k in ("clock", "shared_limits", "observer") if k in settings}
    definition = load_definition(simulator.NAME)
    parts.setdefault("clock", QuickClock())
    integration = integration_for(simulator, **settings)
    return create_connector("acme", integration, definition, jitter=lambda: 0.05, **parts)


@dataclass(slots=True)
class Imported:
    """What all walks so far arrived at, as a careful importer would keep it."""

    candidates: dict[str, dict[str, Any]] = field(default_factory=dict)
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[str, dict[str, Mapped]] = field(default_factory=dict)
    cursors: dict[str, Cursor] = field(default_factory=dict)
    details: dict[str, RecordDetails] = field(default_factory=dict)
    """By record: what was read of it last in the background."""
    failed: list[Any] = field(default_factory=list)
    unmapped: list[Any] = field(default_factory=list)

    async def walk(self, connector: Connector, *, full: bool = False) -> int:
        """One poll of every list; returns the number of records seen."""
        seen = 0
        for facts in connector.lists:
            cursor = None if full else self.cursors.get(facts.name)
            seen += await self._walk_list(connector, facts.name, cursor)
            if facts.detail is not None:
                await self._read_details(connector, facts.name)
        self._collect()
        return seen

    async def _read_details(self, connector: Connector, name: str) -> None:
        """Reads the details of every record: what an import reads in the background, at once."""
        known = self.owners.get(name, {})
        jobs = {
            key: {a["external_id"]: str(a["job"]["external_id"]) for a in mapped.applications}
            for key, mapped in known.items()
        }
        for external_id, found in (await connector.read_details(name, list(known), jobs)).items():
            if isinstance(found, RecordDetails):
                self.details[external_id] = found
            else:
                self.failed.append((external_id, found))

    async def _walk_list(self, connector: Connector, name: str, cursor: Cursor | None) -> int:
        window = Window(cursor=cursor, overlap=timedelta(minutes=2))
        await connector.prepare_mapping(name)
        seen: set[str] = set()
        count = 0
        async for page in connector.pages(name, window):
            count += len(page.records)
            seen |= {record.external_id for record in page.records}
            self._keep(name, await connector.map_records(name, page.records))
            self.failed += page.failed
            if page.last and page.complete:
                kept = self.owners.setdefault(name, {})
                self.owners[name] = {key: kept[key] for key in kept if key in seen}
            if page.last and page.next_cursor is not None:
                self.cursors[name] = page.next_cursor
        return count

    def _keep(self, name: str, mapped: Sequence[Any]) -> None:
        for record in mapped:
            if isinstance(record, Mapped):
                self.owners.setdefault(name, {})[record.external_id] = record
                self.unmapped += record.unmapped_stages
            else:
                self.failed.append(record)

    def _collect(self) -> None:
        records = [record for known in self.owners.values() for record in known.values()]
        self.candidates = {
            record.candidate["external_id"]: dict(record.candidate)
            for record in sorted(records, key=_changed)
            if record.candidate is not None
        }
        self.applications = {
            application["external_id"]: dict(application)
            for record in records
            for application in record.applications
        }
        for record in sorted(records, key=_changed):
            self._add_details(record)

    def _add_details(self, record: Mapped) -> None:
        found = self.details.get(record.external_id)
        if found is None:
            return
        if record.candidate is not None:
            candidate = self.candidates[record.candidate["external_id"]]
            files = {each["external_id"]: each for each in candidate.get("attachments", [])}
            files |= {each["external_id"]: each for each in found.candidate.get("attachments", [])}
            candidate |= {**found.candidate, "attachments": list(files.values())}
        for application in record.applications:
            known = self.applications[application["external_id"]]
            own = found.applications.get(application["external_id"], found.application)
            known |= {**own, "custom_fields": known["custom_fields"] | own.get("custom_fields", {})}


def _changed(record: Mapped) -> datetime:
    changed = record.candidate["external_updated_at"] if record.candidate else None
    return changed or datetime(1970, 1, 1, tzinfo=UTC)


def without_urls(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without what no two answers have in common."""
    plain = {**record}
    if "attachments" in plain:
        plain["attachments"] = [
            {key: each[key] for key in ("external_id", "name", "kind")}
            for each in plain["attachments"]
        ]
    return plain
