"""The records and filters of each v3 listing of Greenhouse."""

import msgspec

from connectors.simulator import greenhouse_rows as rows
from connectors.simulator.clock import iso
from connectors.simulator.greenhouse_lists import Listing
from connectors.simulator.greenhouse_rows import GreenhouseRows, Row
from connectors.simulator.vendor import VendorSimulator
from connectors.simulator.world import Application, Kind, Person, State, World

FILTER_STATUS: dict[State, str] = {"active": "active", "rejected": "rejected", "hired": "hired"}

MOST_TAGS = 16


class GreenhouseListings(VendorSimulator):
    """Builds listings over the world as it is now."""

    rows: GreenhouseRows
    row_owners: "RowOwners"

    def named(self, name: str) -> Listing:
        """The listing of that endpoint."""
        if name in rows.SETUP:
            return self._setup(name)
        if name in {"attachments", "applied_candidate_tags"}:
            return self._of_people(name)
        return {
            "candidates": self._candidate_listing,
            "applications": self._application_listing,
            "application_stages": self._application_stages,
            "rejection_details": self._rejection_details,
            "notes": self._notes,
        }[name]()

    def _candidate_listing(self) -> Listing:
        people = self.world.people
        return Listing(
            name="candidates",
            newest=lambda: self.world.last_person,
            exists=people.__contains__,
            encode=self.rows.candidates.__getitem__,
            times={
                "created_at": lambda n: people[n].created_ms,
                "updated_at": lambda n: people[n].updated_ms,
                "last_activity_at": lambda n: people[n].updated_ms,
            },
            ids={"ids": rows.PERSON_IDS.of},
            numbers_of={"ids": lambda text: [rows.PERSON_IDS.number(text) or 0]},
        )

    def _application_listing(self) -> Listing:
        known = self.world.applications
        return Listing(
            name="applications",
            newest=lambda: self.world.last_application,
            exists=known.__contains__,
            encode=self.rows.applications.__getitem__,
            times={
                "created_at": lambda n: known[n].created_ms,
                "updated_at": lambda n: known[n].updated_ms,
                "last_activity_at": lambda n: known[n].activity_ms,
            },
            ids={
                "ids": rows.APPLICATION_IDS.of,
                "candidate_ids": lambda n: rows.PERSON_IDS.of(known[n].person),
                "job_ids": lambda n: rows.JOB_IDS.of(known[n].job),
                "stage_ids": lambda n: rows.ENTRY_IDS.of(known[n].history[-1].number),
            },
            choices={
                "status": lambda n: FILTER_STATUS[known[n].state],
                "stage_name": lambda n: self.world.stages[known[n].stage].name,
                "prospect": lambda _: "false",
            },
            numbers_of={
                "ids": lambda text: [rows.APPLICATION_IDS.number(text) or 0],
                "candidate_ids": self._applications_of,
            },
        )

    def _applications_of(self, person: str) -> list[int]:
        found = self.find_person(person)
        return list(found.applications) if found else []

    def _application_stages(self) -> Listing:
        def entry_ms(number: int, *, created: bool) -> int | None:
            found = self.rows.entry(number)
            if found is None:
                return None
            return found[1].entered_ms if created else found[1].exited_ms or found[1].entered_ms

        return Listing(
            name="application_stages",
            newest=lambda: self.world.last_entry,
            exists=lambda n: self.rows.entry(n) is not None,
            encode=self._encode_entry,
            times={
                "created_at": lambda n: entry_ms(n, created=True),
                "updated_at": lambda n: entry_ms(n, created=False),
            },
            ids={
                "ids": rows.ENTRY_IDS.of,
                "application_ids": lambda n: rows.APPLICATION_IDS.of(self.rows.entry_owner[n]),
            },
            choices={"current": self._is_current},
            numbers_of={
                "ids": lambda text: [rows.ENTRY_IDS.number(text) or 0],
                "application_ids": self._entries_of,
            },
        )

    def _encode_entry(self, number: int) -> bytes:
        found = self.rows.entry(number)
        if found is None:
            raise LookupError(number)
        return msgspec.json.encode(self.rows.application_stage(*found, self.clock.now_ms()))

    def _is_current(self, number: int) -> str:
        found = self.rows.entry(number)
        return "true" if found is not None and found[1].exited_ms is None else "false"

    def _entries_of(self, application: str) -> list[int]:
        found = self.find_application(application)
        return [entry.number for entry in found.history] if found else []

    def _rejection_details(self) -> Listing:
        known = self.world.applications
        return Listing(
            name="rejection_details",
            newest=lambda: self.world.last_application,
            exists=lambda n: n in known and known[n].state == "rejected",
            encode=lambda n: msgspec.json.encode(self._rejection_detail(known[n])),
            times={
                "created_at": lambda n: known[n].rejected_ms,
                "updated_at": lambda n: known[n].updated_ms,
            },
            ids={
                "ids": rows.DETAIL_IDS.of,
                "application_ids": rows.APPLICATION_IDS.of,
            },
            numbers_of={
                "ids": lambda text: [rows.DETAIL_IDS.number(text) or 0],
                "application_ids": lambda text: [rows.APPLICATION_IDS.number(text) or 0],
            },
        )

    def _rejection_detail(self, application: Application) -> Row:
        return {
            "id": rows.DETAIL_IDS.of(application.number),
            "application_id": rows.APPLICATION_IDS.of(application.number),
            "rejection_reason_id": rows.REASON_IDS.of(application.reason or 0),
            "created_at": iso(application.rejected_ms),
            "updated_at": iso(application.updated_ms),
            "custom_fields": {},
        }

    def _of_people(self, name: str) -> Listing:
        people = self.world.people
        encode = self._encode_files if name == "attachments" else self._encode_tags
        found = self.row_owners.all(name)
        newest = max(found, default=0)
        return Listing(
            name=name,
            newest=lambda: newest,
            exists=found.__contains__,
            encode=lambda n: encode(n, people[found[n]]),
            ids={"candidate_ids": lambda n: rows.PERSON_IDS.of(found[n])},
        )

    def _encode_files(self, number: int, person: Person) -> bytes:
        file = next(f for f in person.files if f.number == number)
        now = self.clock.now_ms()
        row = self.rows.attachment(person, file, origin=self.file_origin, now_ms=now)
        return msgspec.json.encode(row)

    def _encode_tags(self, number: int, person: Person) -> bytes:
        tag = person.tags[number % MOST_TAGS]
        known = self.world.tags
        return msgspec.json.encode(
            {
                "id": number,
                "candidate_id": rows.PERSON_IDS.of(person.number),
                "candidate_tag_id": rows.TAG_IDS.of(known.index(tag) + 1) if tag in known else None,
            }
        )

    def _notes(self) -> Listing:
        notes = self.world.notes
        return Listing(
            name="notes",
            newest=lambda: len(notes),
            exists=lambda n: 0 < n <= len(notes),
            encode=lambda n: msgspec.json.encode(self.rows.note(notes[n - 1])),
            times={"created_at": lambda n: notes[n - 1].created_ms},
            ids={"candidate_ids": lambda n: rows.PERSON_IDS.of(notes[n - 1].person)},
        )

    @staticmethod
    def _is_default_reason(number: int) -> bool:
        """True for those that Greenhouse gives to every account."""
        return number % rows.DEFAULT_REASONS == 0

    def _setup(self, name: str) -> Listing:
        found = rows.setup_rows(self.world, name)
        by_job = {"job_ids": lambda n: found[n - 1].get("job_id")} if name != "jobs" else {}
        return Listing(
            name=name,
            newest=lambda: len(found),
            exists=lambda n: 0 < n <= len(found),
            encode=lambda n: msgspec.json.encode(found[n - 1]),
            ids={"ids": lambda n: found[n - 1]["id"], **by_job},
            choices={"show_service_accounts": lambda _: "true"} if name == "users" else {},
            on_demand={"include_defaults": self._is_default_reason}
            if name == "rejection_reasons"
            else {},
        )


class RowOwners:
    """Persons by the numbers of their files and tags, kept until a person changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._indexes: dict[str, dict[int, int]] = {}
        world.observers.append(self._people_changed)

    def all(self, name: str) -> dict[int, int]:
        """Row number to person, for attachments or applied tags."""
        if name not in self._indexes:
            rows_of = _file_rows if name == "attachments" else _tag_rows
            people = self._world.people.values()
            self._indexes[name] = {row: p.number for p in people for row in rows_of(p)}
        return self._indexes[name]

    def of(self, name: str, number: int) -> int | None:
        """The person whose row this is."""
        return self.all(name).get(number)

    def _people_changed(self, kind: Kind, _: int) -> None:
        if kind == "person":
            self._indexes.clear()


def _file_rows(person: Person) -> list[int]:
    return [file.number for file in person.files]


def _tag_rows(person: Person) -> range:
    first = person.number * MOST_TAGS
    return range(first, first + min(MOST_TAGS, len(person.tags)))
