"""The records and filters of each v3 listing of Greenhouse."""

from connectors.simulator import greenhouse_rows as rows
from connectors.simulator.greenhouse_lists import Listing
from connectors.simulator.rows import Kept, Row
from connectors.simulator.world import Application, Person, StageEntry, State

FILTER_STATUS: dict[State, str] = {"active": "active", "rejected": "rejected", "hired": "hired"}

MOST_TAGS = 16


class GreenhouseListings(rows.GreenhouseRows):
    """Builds listings over the world as it is now."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._owners: Kept[dict[int, int]] = Kept(self.world)

    def named(self, name: str) -> Listing:
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
            space=rows.PERSON_IDS,
            newest=lambda: self.world.last_person,
            exists=people.__contains__,
            row=self.candidate_rows.__getitem__,
            times={
                "created_at": lambda n: people[n].created_ms,
                "updated_at": lambda n: people[n].updated_ms,
                "last_activity_at": lambda n: people[n].updated_ms,
            },
        )

    def _application_listing(self) -> Listing:
        known = self.world.applications
        return Listing(
            name="applications",
            space=rows.APPLICATION_IDS,
            newest=lambda: self.world.last_application,
            exists=known.__contains__,
            row=self.application_rows.__getitem__,
            times={
                "created_at": lambda n: known[n].created_ms,
                "updated_at": lambda n: known[n].updated_ms,
                "last_activity_at": lambda n: known[n].activity_ms,
            },
            ids={
                "candidate_ids": lambda n: rows.PERSON_IDS.of(known[n].person),
                "job_ids": lambda n: rows.JOB_IDS.of(known[n].job),
                "stage_ids": lambda n: rows.ENTRY_IDS.of(known[n].history[-1].number),
            },
            choices={
                "status": lambda n: FILTER_STATUS[known[n].state],
                "stage_name": lambda n: self.world.stages[known[n].stage].name,
                "prospect": lambda _: "false",
            },
            numbers_of={"candidate_ids": self._applications_of},
        )

    def _applications_of(self, person: str) -> list[int]:
        found = self.find_person(person)
        return found.applications if found else []

    def _application_stages(self) -> Listing:
        def entry(number: int) -> StageEntry:
            return self.found(self.entry(number), "application stage")

        return Listing(
            name="application_stages",
            space=rows.ENTRY_IDS,
            newest=lambda: self.world.last_entry,
            exists=lambda n: self.entry(n) is not None,
            row=lambda n: self.application_stage(
                self.entry_owner[n], entry(n), self.clock.now_ms()
            ),
            times={
                "created_at": lambda n: entry(n).entered_ms,
                "updated_at": lambda n: entry(n).exited_ms or entry(n).entered_ms,
            },
            ids={"application_ids": lambda n: rows.APPLICATION_IDS.of(self.entry_owner[n])},
            choices={"current": lambda n: "true" if entry(n).exited_ms is None else "false"},
            numbers_of={"application_ids": self._entries_of},
        )

    def _entries_of(self, application: str) -> list[int]:
        found = self.find_application(application)
        return [entry.number for entry in found.history] if found else []

    def _rejection_details(self) -> Listing:
        known = self.world.applications
        return Listing(
            name="rejection_details",
            space=rows.DETAIL_IDS,
            newest=lambda: self.world.last_application,
            exists=lambda n: n in known and known[n].state == "rejected",
            row=lambda n: self._rejection_detail(known[n]),
            times={
                "created_at": lambda n: known[n].rejected_ms,
                "updated_at": lambda n: known[n].updated_ms,
            },
            ids={"application_ids": rows.APPLICATION_IDS.of},
            numbers_of={
                "application_ids": lambda text: [rows.APPLICATION_IDS.number(text) or 0],
            },
        )

    def _rejection_detail(self, application: Application) -> Row:
        return {
            "id": rows.DETAIL_IDS.of(application.number),
            "application_id": rows.APPLICATION_IDS.of(application.number),
            "rejection_reason_id": rows.REASON_IDS.of(application.reason or 0),
            **rows.times(application.rejected_ms, application.updated_ms),
            "custom_fields": {},
        }

    def _of_people(self, name: str) -> Listing:
        """Those of files or of applied tags, by the numbers of the rows."""
        people = self.world.people
        row = self._file_row if name == "attachments" else self._tag_row
        numbers_of = _files_of if name == "attachments" else _tags_of
        found = self._owners.get(
            (name,), lambda: {n: p.number for p in people.values() for n in numbers_of(p)}
        )
        newest = max(found, default=0)
        return Listing(
            name=name,
            newest=lambda: newest,
            exists=found.__contains__,
            row=lambda n: row(n, people[found[n]]),
            ids={"candidate_ids": lambda n: rows.PERSON_IDS.of(found[n])},
        )

    def _file_row(self, number: int, person: Person) -> Row:
        return self.attachment(person, next(f for f in person.files if f.number == number))

    def _tag_row(self, number: int, person: Person) -> Row:
        tag, known = person.tags[number % MOST_TAGS], self.world.tags
        return {
            "id": number,
            "candidate_id": rows.PERSON_IDS.of(person.number),
            "candidate_tag_id": rows.TAG_IDS.of(known.index(tag) + 1) if tag in known else None,
        }

    def _notes(self) -> Listing:
        notes = self.world.notes
        return Listing(
            name="notes",
            newest=lambda: len(notes),
            exists=lambda n: 0 < n <= len(notes),
            row=lambda n: self.note_row(notes[n - 1]),
            times={"created_at": lambda n: notes[n - 1].created_ms},
            ids={"candidate_ids": lambda n: rows.PERSON_IDS.of(notes[n - 1].person)},
        )

    def _setup(self, name: str) -> Listing:
        found = rows.SETUP[name](self.world)
        by_job = {"job_ids": lambda n: found[n - 1].get("job_id")} if name != "jobs" else {}
        return Listing(
            name=name,
            newest=lambda: len(found),
            exists=lambda n: 0 < n <= len(found),
            row=lambda n: found[n - 1],
            ids={"ids": lambda n: found[n - 1]["id"], **by_job},
            choices={"show_service_accounts": lambda _: "true"} if name == "users" else {},
            on_demand={"include_defaults": rows.is_default_reason}
            if name == "rejection_reasons"
            else {},
        )


def _files_of(person: Person) -> list[int]:
    return [file.number for file in person.files]


def _tags_of(person: Person) -> range:
    first = person.number * MOST_TAGS
    return range(first, first + min(MOST_TAGS, len(person.tags)))
