"""The connector that every definition becomes. Reading is in `read/`, writing in `write/`."""

import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

import msgspec

from connectors.definition.capabilities import capabilities_of
from connectors.definition.cursors import NoCursor
from connectors.definition.lists import List
from connectors.definition.root import DefinitionModel
from connectors.http.answers import whole
from connectors.http.parts import Parts
from connectors.read.page_iterator import walk
from connectors.read.privacy import PrivacyFilter
from connectors.read.reader import AtsReader
from connectors.read.statuses import StatusRules
from connectors.values import (
    ApplicationRef,
    Capabilities,
    DetailFacts,
    FetchedFile,
    FileAddress,
    FileRef,
    Impossible,
    JobsOfRecords,
    ListFacts,
    Mapped,
    MappingFailed,
    Page,
    Position,
    PushPlan,
    PushTarget,
    RawRecord,
    ReadIssue,
    RecordDetails,
    StageFacts,
    Step,
    Unchanged,
    Window,
)
from connectors.write.account_reader import ACCOUNT_AGE_S, AccountReader
from connectors.write.analytics import AnalyticsSender
from connectors.write.choices import ChoiceFinder
from connectors.write.push_planner import Planner
from connectors.write.sender import WriteSender
from models.candidate import ApplicationRecord

ENGINE_VERSION = 2
"""Raise it when the engine itself reads records differently, so that snapshots are mapped again."""


class RestConnector:
    """Serves one integration by its definition. `connectors.connector.Connector` says what each method promises."""

    def __init__(self, parts: Parts) -> None:
        """Compile everything; no request is sent."""
        self.parts = parts
        self._model: DefinitionModel = parts.definition.model
        rules = StatusRules(self._model.statuses, parts.operator.statuses)
        self._reader = AtsReader(parts, rules)
        choices = ChoiceFinder(parts, self._reader)
        self._accounts = AccountReader(parts, self._reader, rules, choices)
        self._planner = Planner(parts)
        self._sender = WriteSender(parts)
        self._analytics = AnalyticsSender(parts, self._reader, choices, self._sender)

    # Facts

    @property
    def integration(self) -> str:
        return self.parts.name

    @property
    def ats_name(self) -> str:
        return self._model.title

    @property
    def requests_sent(self) -> int:
        return self.parts.transport.requests_sent

    @property
    def lists(self) -> Sequence[ListFacts]:
        version = self._mapping_version()
        privacy = PrivacyFilter(self.parts.operator.privacy, self.parts.operator.fields)
        return [
            ListFacts(
                name=name,
                holds=reader.spec.holds,  # type: ignore[arg-type]  # lookups have no reader
                incremental=not isinstance(reader.spec.cursor, NoCursor | None),
                complete_listing_proves_absence=reader.spec.absence_is_deletion,
                reads_by_id=reader.spec.fetch is not None,
                mapping_version=version,
                deleted_by=reader.spec.deleted_by,
                read_again_in_sweeps=reader.spec.reads_inline and _is_swept(reader.spec),
                detail=self._detail_facts(name, reader.spec),
                dropped=privacy.dropped,
                hidden=privacy.hidden,
                hides_custom=privacy.hides_custom,
            )
            for name, reader in self._reader.readers.items()
        ]

    def _detail_facts(self, name: str, spec: List) -> DetailFacts | None:
        """The version covers what is requested and every source that it is mapped by."""
        if spec.detail is None or not spec.detail.read:
            return None
        fields = self._reader.details[name].fields
        mappings = {"candidate": self._model.candidate, "application": self._model.application}
        part = {
            "detail": spec.detail.model_dump(mode="json"),
            "fields": {
                field: repr(getattr(mappings[part], field_name))
                for field in sorted(fields)
                for part, _, field_name in [field.partition(".")]
            },
            "extras": self.parts.operator.fields,
        }
        per_application = any(read.per == "application" for read in spec.detail_reads.values())
        return DetailFacts(fields, self._version(part), _is_swept(spec), per_application)

    def _mapping_version(self) -> str:
        operator = self.parts.operator
        part = {
            "definition": self.parts.definition.digest,
            "statuses": {status.value: names for status, names in operator.statuses.items()},
            "fields": operator.fields,
        }
        if operator.attachments.policy == "none":
            part["attachments"] = "none"
        if self._model.api.time_zone is not None:
            part["time_zone"] = str(self.parts.requests.zone(None))
        return self._version(part)

    def _version(self, part: Mapping[str, Any]) -> str:
        """Returns a digest of a part, and of `privacy` as far as it is set, with a digest for its key."""
        privacy = self.parts.operator.privacy
        chosen = privacy.model_dump(mode="json", exclude={"key"}, exclude_defaults=True)
        if chosen.get("hash") and privacy.key is not None:
            secret = privacy.key.get_secret_value().encode()
            chosen["key"] = hmac.digest(secret, b"mapping version", "sha256").hex()
        counted = {**part, "engine": ENGINE_VERSION} | ({"privacy": chosen} if chosen else {})
        return sha256(msgspec.json.encode(counted, order="sorted")).hexdigest()[:16]

    @cached_property
    def capabilities(self) -> Capabilities:
        return capabilities_of(self._model)

    async def open(self) -> None:
        await self.parts.http.open()

    async def close(self) -> None:
        """Stores a token that is under way, and closes every connection."""
        await self.parts.transport.finish()
        await self.parts.http.close()

    async def check(self) -> None:
        draft = self.parts.requests.draft(self._model.api.check, "check")
        await self.parts.transport.read(draft.outgoing(), "check", whole)

    # Reading

    def pages(
        self, list_name: str, window: Window, *, position: Position | None = None
    ) -> AsyncIterator[Page]:
        return walk(self._reader.lists[list_name], window, position)

    async def prepare_mapping(self, list_name: str) -> str:
        return await self._reader.readers[list_name].joins.prepare()

    async def map_records(
        self,
        list_name: str,
        records: Sequence[RawRecord],
        *,
        known: Mapping[str, bytes] | None = None,
    ) -> list[Mapped | Unchanged | MappingFailed]:
        return await self._reader.readers[list_name].map(records, known or {})

    def take_issues(self) -> Sequence[ReadIssue]:
        return self._reader.issues.take()

    async def fetch(
        self, list_name: str, external_ids: Sequence[str]
    ) -> Mapping[str, RawRecord | None]:
        return await self._reader.fetch(list_name, external_ids)

    async def read_details(
        self, list_name: str, external_ids: Sequence[str], jobs: JobsOfRecords | None = None
    ) -> Mapping[str, RecordDetails | MappingFailed | None]:
        return await self._reader.details[list_name].read(external_ids, jobs or {})

    async def file_addresses(
        self, list_name: str, record_id: str
    ) -> Mapping[str, FileAddress] | None:
        return await self._reader.files.addresses(list_name, record_id)

    async def fetch_file(
        self, ref: FileRef, address: FileAddress | None, *, max_bytes: int
    ) -> FetchedFile:
        return await self._reader.files.fetch(ref, address, max_bytes=max_bytes)

    async def read_application(self, ref: ApplicationRef) -> ApplicationRecord | None:
        found = await self._reader.read_application(ref)
        return found[0] if found else None

    async def acting_user_problem(self) -> str | None:
        return await self._accounts.user_problem()

    async def stages(self) -> list[StageFacts]:
        return await self._accounts.stage_facts()

    # Writing

    async def plan_push(
        self,
        ref: ApplicationRef,
        current: ApplicationRecord,
        target: PushTarget,
        *,
        refresh: bool = False,
    ) -> PushPlan:
        context = await self._reader.context(ref)
        # A stage or reason may have been made a minute ago: what is impossible is planned again.
        for age in (0.0,) if refresh else (ACCOUNT_AGE_S, 0.0):
            account = await self._accounts.account(ref, current, target, context, max_age_s=age)
            plan = self._planner.plan(ref, current, target, account, context)
            if not isinstance(plan, Impossible):
                break
        return plan

    async def perform(self, step: Step) -> None:
        """Sends one write, once; only a refused guard is followed by its other form."""
        await self._sender.perform(step)

    async def add_note(self, ref: ApplicationRef, text: str) -> None:
        await self._sender.add_note(ref, text)

    async def send_report(self, report: Mapping[str, Any], *, period_key: str) -> None:
        await self._analytics.send_report(report, period_key)

    async def send_value(self, ref: ApplicationRef, value: str, *, field_name: str) -> None:
        await self._analytics.send_value(ref, value, field_name)


def _is_swept(spec: List) -> bool:
    return spec.detail is not None and spec.detail.when == "swept"


__all__ = ["ENGINE_VERSION", "Parts", "RestConnector"]
