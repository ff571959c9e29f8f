"""Reads what a list does not show of its records, in the background, and maps the fields of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from connectors.definition.compiled_paths import compile_path
from connectors.definition.lists import DetailRead, Join, List
from connectors.definition.paths import DETAIL, details_used
from connectors.errors import OF_ONE_RECORD, AtsError, Forbidden, NotFound
from connectors.http.requests import Draft
from connectors.read.detail_fetcher import Fetcher, several
from connectors.read.fields_read import Mappers
from connectors.read.ids import identifier
from connectors.read.joins import JoinLoader
from connectors.read.listing import AtsList
from connectors.read.mapping import BROKEN, FieldIssue, Fields, RecordFailed
from connectors.values import JobsOfRecords, MappingFailed, RecordDetails
from models.times import to_milliseconds

Context = dict[str, Any]
Shared = Mapping[str, Mapping[str, Any]]
"""The answers to batches: by name of the read, by record; an error where it could not be read."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One of the requests about a record."""

    spec: DetailRead
    listing: AtsList
    joins: JoinLoader

    async def join(self, value: Any) -> None:
        """Adds `joined` to the parts of the answer that get it."""
        if self.joins.has_joins:
            found = compile_path(self.spec.joined_to)(value)
            rows = found if isinstance(found, list) else [found]
            await self.joins.join([row for row in rows if isinstance(row, dict)], [])

    def draft(self, own: Sequence[str], scope: str | None, job: str | None = None) -> Draft:
        values = {"id": own[0], "ids": list(own), "scope": scope, "job_id": job}
        return replace(self.listing.draft(values), is_background=True)


class DetailReader:
    """Reads the details of one list's records."""

    def __init__(
        self,
        listing: AtsList,
        mappers: Mappers,
        fetcher: Fetcher,
        *,
        make_list: Callable[[str, List], AtsList],
        make_joins: Callable[[Mapping[str, Join]], JoinLoader],
    ) -> None:
        """Compile what details are read with; `mappers` are those of the list."""
        self._has_scopes = listing.spec.scopes is not None
        files = fetcher.parts.definition.model.files
        self._lifetime = files.lifetime if files else None
        """The time for which addresses of files are good."""
        reads: dict[str, _Read] = {}
        for key, one in listing.spec.detail_reads.items():
            spec = List(
                holds="lookup", request=one.request, records=one.records, pagination=one.pagination
            )
            reads[key] = _Read(one, make_list(f"{listing.name}.{key}", spec), make_joins(one.joins))
        self._reads = {key: read for key, read in reads.items() if read.spec.per == "record"}
        self._of_applications = {k: read for k, read in reads.items() if k not in self._reads}
        candidate, application = mappers.candidate, mappers.application
        self._candidate = candidate.details if candidate and reads else Fields("candidate", ())
        self._application = (
            application.details if application and reads else Fields("application", ())
        )
        self._fetcher = fetcher
        self._issues = fetcher.issues

    @property
    def fields(self) -> frozenset[str]:
        """The fields that details give, such as `candidate.attachments`."""
        return frozenset(
            f"{part}.{name}"
            for part, fields in (("candidate", self._candidate), ("application", self._application))
            for name in fields.names
        )

    async def read(
        self, external_ids: Sequence[str], jobs: JobsOfRecords
    ) -> dict[str, RecordDetails | MappingFailed | None]:
        """Reads and maps the details of records; None for one that the ATS does not have.

        One that cannot be read stops no other. `jobs` are those of the records' applications.

        Raises:
            AtsError: the ATS is away, refuses the credential, or fails at every one of them.
        """
        shared = await self._in_batches(self._reads, external_ids)

        async def one(external_id: str) -> RecordDetails | MappingFailed | None:
            try:
                context = await self._context(external_id, self._reads, shared)
                own = await self._own_contexts(external_id, jobs.get(external_id, {}))
            except NotFound:
                return None
            return self._mapped(external_id, context, own)

        answers = dict(zip(external_ids, await several(one, external_ids), strict=True))
        errors = [each for each in answers.values() if isinstance(each, AtsError)]
        if errors and len(errors) == len(answers) and (len(errors) > 1 or not errors[0].status):
            raise errors[0]
        return {
            external_id: MappingFailed(external_id, str(found))
            if isinstance(found, AtsError)
            else found
            for external_id, found in answers.items()
        }

    async def attachments(self, external_id: str) -> list[Any] | None:
        """Returns the files of a record as they are now; None if the ATS does not have it.

        Only what shows files is read.

        Raises:
            AtsError: they cannot be read.
        """
        fields = self._candidate.only("attachments")
        shown_by = {name for path in fields.paths for name in details_used(path)}
        reads = {key: read for key, read in self._reads.items() if key in shown_by}
        shared = await self._in_batches(reads, [external_id])
        try:
            context = await self._context(external_id, reads, shared)
        except NotFound:
            return None
        found: list[Any] = self._with_expiry(fields.read(context, []))["attachments"]
        return found

    async def _context(
        self, external_id: str, reads: Mapping[str, _Read], shared: Shared
    ) -> Context:
        """Returns the `detail.<name>` that mappings read.

        Raises:
            NotFound: the ATS does not have the record.
        """
        shown: Context = {}
        for key, read in reads.items():
            if read.spec.batch > 1:
                value = shared[key].get(external_id)
                if isinstance(value, AtsError):
                    raise value
            else:
                value = await self._of_one(read, external_id)
            await read.join(value)
            shown[key] = value
        return {DETAIL: shown}

    async def _own_contexts(self, external_id: str, jobs: Mapping[str, str]) -> dict[str, Context]:
        """Returns the `detail.<name>` of each application that has requests of its own."""
        found: dict[str, Context] = {}
        for application, job in jobs.items() if self._of_applications else ():
            shown: Context = {}
            for key, read in self._of_applications.items():
                shown[key] = await self._of_one(read, external_id, job)
                await read.join(shown[key])
            found[application] = {DETAIL: shown}
        return found

    async def _of_one(self, read: _Read, external_id: str, job: str | None = None) -> Any:
        scope, own = self._own(external_id)
        draft = read.draft([own], scope, job)
        try:
            if read.spec.many:
                return await read.listing.rows(draft) or []
            return await self._fetcher.answer(draft, read.spec.records, (dict,))
        except (Forbidden, NotFound) as error:
            return self._empty_or_raise(read, error)

    async def _in_batches(self, reads: Mapping[str, _Read], external_ids: Sequence[str]) -> Shared:
        """Returns the answer about each record; an error stays with the record that causes it."""
        found: dict[str, dict[str, Any]] = {}
        for key, read in reads.items():
            size = read.spec.batch
            if size == 1:
                continue
            found[key] = {}
            for at in range(0, len(external_ids), size):
                found[key] |= await self._batch(read, external_ids[at : at + size])
        return found

    async def _batch(self, read: _Read, external_ids: Sequence[str]) -> dict[str, Any]:
        try:
            rows = await read.listing.rows(read.draft(external_ids, None)) or []
        except (Forbidden, NotFound) as error:
            return dict.fromkeys(external_ids, self._empty_or_raise(read, error))
        except OF_ONE_RECORD as error:
            if len(external_ids) == 1:
                return {external_ids[0]: error}
            half = len(external_ids) // 2
            parts = (external_ids[:half], external_ids[half:])
            return {k: v for part in parts for k, v in (await self._batch(read, part)).items()}
        of = compile_path(read.spec.by)
        by_record: dict[str, list[Any]] = {external_id: [] for external_id in external_ids}
        for row in rows:
            if (owner := identifier(of(row))) in by_record:
                by_record[owner].append(row)
        if read.spec.many:
            return dict(by_record)
        return {e: of_record[0] if of_record else None for e, of_record in by_record.items()}

    def _empty_or_raise(self, read: _Read, error: AtsError) -> Any:
        if not read.spec.optional:
            raise error
        if isinstance(error, Forbidden):
            reason = f"cannot be read (HTTP {error.status}): what it adds stays empty"
            self._issues.note("join", read.listing.name, reason)
        return [] if read.spec.many else None

    def _own(self, external_id: str) -> tuple[str | None, str]:
        if not self._has_scopes:
            return None, external_id
        scope, _, own = external_id.partition(":")
        return scope, own

    def _mapped(
        self, external_id: str, context: Context, own: Mapping[str, Context]
    ) -> RecordDetails | MappingFailed:
        issues: list[FieldIssue] = []
        of_all = {} if self._of_applications else context
        try:
            candidate = self._with_expiry(self._candidate.read(context, issues))
            application = self._application.read(of_all, issues) if of_all else {}
            parts = {key: self._application.read(each, issues) for key, each in own.items()}
        except RecordFailed as error:
            return MappingFailed(external_id, str(error))
        except BROKEN as error:
            why = f"its details cannot be read ({type(error).__name__})"
            return MappingFailed(external_id, why)
        self._issues.note_fields(issues)
        failed = {each.name for each in issues if not each.kept}

        def readable(part: str, fields: Context) -> Context:
            return {k: v for k, v in fields.items() if f"{part}.{k}" not in failed}

        return RecordDetails(
            external_id,
            readable("candidate", candidate),
            readable("application", application),
            {key: readable("application", fields) for key, fields in parts.items()},
        )

    def _with_expiry(self, candidate: Context) -> Context:
        """Adds how long the addresses of files are good, where records do not say it."""
        if self._lifetime is None or "attachments" not in candidate:
            return candidate
        until = to_milliseconds(self._fetcher.parts.clock.now() + self._lifetime)
        files = [
            {**each, "url_expires_at": each["url_expires_at"] or (until if each["url"] else None)}
            for each in candidate["attachments"]
        ]
        return {**candidate, "attachments": files}
