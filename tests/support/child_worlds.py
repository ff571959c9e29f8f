"""The accounts that a killed import reads: the same every time, so any process can build them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from connectors.values import ListFacts, Mapped, MappingFailed, RawRecord
from daemon.core.webhooks import Received
from models.candidate import AtsRef
from models.status import ApplicationStatus
from tests.support.fake_ats import FakeAts, FakeConnector, ids
from tests.support.records import empty_application

Shape = Literal["split", "joined", "nested"]
Phase = Literal["initial", "poll", "sweep", "gone", "webhooks", "details"]
"""`gone`: a sweep that finds nothing but deletions. `webhooks`: events alone announce the third day.
`details`: what lists lack is read after the poll of the third day."""
PEOPLE = 14
UNREADABLE = "9"
"""Cannot be mapped while the import is killed; can be when it is finished."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is imported when the kill comes, and whether a recruiter is at work until the restart."""

    shape: Shape
    phase: Phase
    recruiter: bool = False

    @property
    def name(self) -> str:
        return f"{self.shape}-{self.phase}{'-recruiter' if self.recruiter else ''}"


class NestedConnector(FakeConnector):
    """An ATS whose records hold one person with all their applications."""

    @property
    def lists(self) -> Sequence[ListFacts]:
        return [self._facts("people", "both")]

    def _map(self, list_name: str, record: RawRecord) -> Mapped | MappingFailed:
        mapped = FakeConnector._map(self, list_name, record)
        if isinstance(mapped, MappingFailed):
            return mapped
        row = msgspec.json.decode(record.raw)
        return Mapped(
            external_id=mapped.external_id,
            fingerprint=mapped.fingerprint,
            candidate=mapped.candidate,
            applications=tuple(
                _application(key, row["id"], status) for key, status in row["apps"].items()
            ),
        )


def _application(external_id: str, person: str, status: str) -> Any:
    application = empty_application(external_id, person)
    application["status"] = ApplicationStatus(status)
    application["stage"] = AtsRef(external_id=None, name=status)
    return application


@dataclass(slots=True)
class World:
    """One account that lives through three days."""

    shape: Shape
    ats: FakeAts

    def put(self, person: str, *, status: str | None = None, **fields: Any) -> None:
        self.ats.tick()
        if self.shape == "split":
            if fields:
                self.ats.put("candidates", person, **fields)
            if status is not None:
                self.ats.put("applications", person, person=person, status=status)
        elif self.shape == "joined":
            moved: dict[str, Any] = {} if status is None else {"status": status}
            self.ats.put("opportunities", person, person=_owner(person), **fields, **moved)
        else:
            apps: dict[str, Any] = (
                {} if status is None else {"apps": {person: status, f"2{person}": "new"}}
            )
            self.ats.put("people", person, **fields, **apps)

    def drop(self, person: str) -> None:
        for rows in self.ats.rows.values():
            rows.pop(person, None)

    def first_day(self) -> None:
        for person in ids(PEOPLE):
            custom = {"pay": int(person), "site": "A"}
            self.put(person, status="new", name=f"P{person}", company="Old", custom=custom)
            self.put(person, tags=["cook"], answers={"Shifts?": person}, files=[f"f{person}"])

    def second_day(self) -> None:
        """Someone disappears, to return on the third day."""
        self.drop("5")

    def third_day(self, *, deletions: bool) -> None:
        self.put("1", name="Q1", custom={"pay": 100}, answers={}, files=["new"])
        self.put("2", status="interview")
        self.put("3", name="Q3", status="screening")
        self.put("4", status="offer", company="New", tags=["waiter"])
        self.put("6", name="Q6", custom={"pay": 6, "site": "B"})
        self.put("8", company="New", status="assessment")
        self.put(UNREADABLE, name="Q9")
        self.put("5", status="screening", name="P5", company="Back", custom={})
        for person in ids(3, PEOPLE + 1):
            self.put(person, status="new", name=f"N{person}", company="New", files=["cv"])
        if self.shape == "nested":
            self._reshuffle()
        if deletions:
            self.drop("7")
            self._drop_application("10", name="Q10")

    def _reshuffle(self) -> None:
        """Applications vanish from their records, and one comes with a new one instead."""
        self.ats.put("people", "11", apps={"11": "interview"})
        self.ats.put("people", "12", apps={"212": "new", "312": "new"}, name="Q12")
        self.ats.put("people", "13", apps={})

    def _drop_application(self, person: str, **fields: Any) -> None:
        """The candidate is edited in the same pass in which an application of theirs goes."""
        if self.shape == "split":
            self.put(person, **fields)
            self.ats.drop("applications", person)


def _owner(person: str) -> str:
    """In the joined shape, some persons are in two records."""
    return {"12": "11", "14": "13"}.get(person, person)


def world_at(scenario: Scenario, *, day: int) -> World:
    """The account on that day: 1 as first imported, 2 with someone gone, 3 with all the edits."""
    world = World(scenario.shape, FakeAts())
    world.first_day()
    if day > 1:
        world.second_day()
    if day > 2 and scenario.phase != "gone":
        world.third_day(deletions=scenario.phase in ("sweep", "webhooks"))
    elif day > 2:
        world.drop("7")
        world.drop("11")
    return world


def announced(scenario: Scenario) -> list[Received]:
    """One event for each record that the third day made, changed or dropped."""
    before, after = (world_at(scenario, day=day).ats.rows for day in (2, 3))
    return [
        Received(f"{name}-{external_id}", "changed", {name: [external_id]})
        for name in sorted(after)
        for external_id in sorted(before[name].keys() | after[name].keys())
        if before[name].get(external_id) != after[name].get(external_id)
    ]


def connector_for(world: World, *, details: bool = False) -> FakeConnector:
    kind = NestedConnector if world.shape == "nested" else FakeConnector
    shape = "joined" if world.shape == "nested" else world.shape
    connector = kind(world.ats, shape=shape, page_size=4, part_size=3)
    return connector.with_details() if details else connector


RECRUITER: Mapping[str, str] = {
    "2": "offer",
    "3": "new",
    "8": "new",
    "10": "screening",
    "15": "hired",
}
"""Statuses set in ClearView between kill and restart; `3` and `8` back to what they were."""
TITLE = "Seen"
"""Given in ClearView to the same people; no ATS here has titles."""
