"""All that is read from one ATS account: pages, mapped records, single applications, lookup lists."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import List
from connectors.definition.records import NOTHING
from connectors.definition.root import DefinitionModel
from connectors.errors import NotSupported, Rejected
from connectors.http.parts import Parts
from connectors.read.background_details import DetailReader
from connectors.read.detail_fetcher import Fetcher
from connectors.read.digests import Digest, digest_for
from connectors.read.fields_read import Mappers, Reads, reads_of
from connectors.read.files import FileReader
from connectors.read.ids import identifier
from connectors.read.issues import IssueLog
from connectors.read.joins import Context, JoinLoader
from connectors.read.listing import AtsList, Scopes
from connectors.read.lookups import Lookups, Rows
from connectors.read.mapping import ApplicationMapper, CandidateMapper, RecordFailed
from connectors.read.page_loader import PageLoader
from connectors.read.privacy import PrivacyFilter
from connectors.read.record_reader import ListReader
from connectors.read.statuses import StatusRules
from connectors.values import ApplicationRef, RawRecord
from models.candidate import ApplicationRecord

_REMEMBERED = 2000
"""Applications whose records are kept between a read and the push that it is for."""


class AtsReader:
    """Reads the lists of one integration."""

    def __init__(self, parts: Parts, rules: StatusRules) -> None:
        self._parts = parts
        self._model: DefinitionModel = parts.definition.model
        self.issues = IssueLog(parts.transport.warn)
        mappers = self._mappers(rules)
        reads = {name: reads_of(spec, mappers.of(spec)) for name, spec in self._model.lists.items()}
        self.lists = {
            name: self._list(
                name,
                spec,
                None
                if spec.reads_inline and spec.detail and spec.detail.when == "always"
                else digest_for(reads[name].names, spec.volatile),
            )
            for name, spec in self._model.lists.items()
        }
        self.lookups = Lookups(self.load_rows, parts.clock)
        self._fetcher = Fetcher(parts, self.lists, self.issues)
        self.readers = {
            name: ListReader(
                listing,
                mappers.of(listing.spec),
                reads[name],
                joins=self._joins(reads[name]),
                fetcher=self._fetcher,
            )
            for name, listing in self.lists.items()
            if listing.spec.holds != "lookup"
        }
        """By list, in the order of the definition; lookup lists have none."""
        self.details = {
            name: DetailReader(
                self.lists[name],
                mappers.of(self.lists[name].spec),
                self._fetcher,
                make_list=self._list,
                make_joins=lambda joins: self._joins(Reads(joins, {}, {}, None)),
            )
            for name in self.readers
        }
        self.files = FileReader(parts, self.readers, self.details)
        self._contexts: OrderedDict[str, Context] = OrderedDict()

    def _joins(self, reads: Reads) -> JoinLoader:
        return JoinLoader(reads, lookups=self.lookups, fetcher=self._fetcher)

    def _list(self, name: str, spec: List, digest_of: Digest | None = None) -> AtsList:
        loader = PageLoader(name, spec, self._parts, self.issues)
        return AtsList(loader, self._parts, load_scopes=self.load_scopes, digest_of=digest_of)

    def _mappers(self, rules: StatusRules) -> Mappers:
        model, extras = self._model, self._parts.operator.fields
        zone = self._parts.requests.zone(None)
        candidate = model.candidate
        if candidate is not None and self._parts.operator.attachments.policy == "none":
            candidate = candidate.model_copy(update={"attachments": NOTHING})
        privacy = PrivacyFilter(self._parts.operator.privacy, extras)
        return Mappers(
            CandidateMapper(candidate, extras, zone, privacy, anonymised=model.anonymised)
            if candidate
            else None,
            ApplicationMapper(model.application, rules, extras, zone, privacy)
            if model.application
            else None,
        )

    async def fetch(
        self, list_name: str, external_ids: Sequence[str]
    ) -> Mapping[str, RawRecord | None]:
        """Reads records by id; None for an id that the ATS does not have.

        An id that the answer leaves in doubt is missing from what is returned.
        """
        found = await self._fetcher.read(list_name, external_ids)
        identified = self.lists[list_name].identify(found.encoded())
        by_id = {record.external_id: record for record in identified.records}
        known = [each for each in external_ids if each in by_id or each not in found.doubtful]
        return {external_id: by_id.get(external_id) for external_id in known}

    async def read_application(
        self, ref: ApplicationRef
    ) -> tuple[ApplicationRecord, Context] | None:
        """Reads an application with its record as the ATS sent it; None if it is gone.

        Raises:
            NotSupported: the definition cannot read one application.
            BrokenAnswer: the answer does not show the application's record.
            Rejected: the record cannot be mapped.
        """
        spec = self._model.writes.read
        if spec is None:
            raise NotSupported(f"{self._model.title} cannot read one application")
        key = ref.external_id if spec.by == "application_id" else ref.candidate_external_id
        record = await self.readers[spec.list].record(key, urgent=True)
        if record is None:
            return None
        try:
            found = await self.readers[spec.list].applications(record)
        except RecordFailed as error:
            raise Rejected(f"{spec.list}: record {key} cannot be read: {error}") from None
        for application, context in found:
            if application["external_id"] == ref.external_id:
                self._remember(ref.external_id, context)
                return application, context
        return None

    def _remember(self, application_id: str, context: Context) -> None:
        """Keeps a record for the push that is planned right after its application was read."""
        self._contexts[application_id] = context
        self._contexts.move_to_end(application_id)
        while len(self._contexts) > _REMEMBERED:
            self._contexts.popitem(last=False)

    async def context(self, ref: ApplicationRef) -> Context:
        """Returns the record that an application was last read from, read now if need be."""
        remembered = self._contexts.pop(ref.external_id, None)
        if remembered is not None:
            return remembered
        if self._model.writes.read is None:
            return {}
        found = await self.read_application(ref)
        self._contexts.pop(ref.external_id, None)
        return found[1] if found else {}

    async def load_rows(self, name: str, scope: str | None) -> Rows:
        """Reads all records of a lookup list, at once: pushes wait for stages and reasons."""
        listing = self.lists[name]
        draft = replace(listing.draft({"scope": scope}), is_urgent=True)
        return await listing.rows(draft) or []

    async def load_scopes(self, name: str) -> Scopes:
        """Reads the ids of a lookup list's records as they are now."""
        id_of = compile_path(self._model.lists[name].id)
        rows = await self.lookups.rows(name, max_age_s=0.0)
        ids = [found for row in rows if (found := identifier(id_of(row))) is not None]
        if odd := len(rows) - len(ids):
            self.issues.note("scope", f"a row of {name}", "has no usable id", odd)
        return Scopes(ids, odd)
