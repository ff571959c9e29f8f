"""Teamtailor's writes: JSON:API documents that move, reject, tag, note and fill custom fields."""

from dataclasses import dataclass

from connectors.simulator import teamtailor_rows as rows
from connectors.simulator.clock import parse_ms
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.vendor import status_parts
from connectors.simulator.world import Application, Contact, Person, Stage

EDITS = {
    "first-name": "first_name",
    "last-name": "last_name",
    "email": "emails",
    "phone": "phones",
    "linkedin-url": "links",
    "tags": "tags",
    "referring-site": "source",
}


@dataclass(kw_only=True, eq=False)
class TeamtailorWrites(rows.TeamtailorRows):
    """Handlers of every write; each accepted one is recorded. The options are unverified (2026-11-23)."""

    same_stage_refused: bool = False
    unreject_refused: bool = False
    """Does not let `rejected-at` become null again."""
    second_value_refused: bool = False
    """Wants a custom field's present value changed by PATCH rather than created once more."""

    def write_routes(self) -> list[Route]:
        application = f"{rows.BASE}/job-applications/{{id}}"
        candidate = f"{rows.BASE}/candidates/{{id}}"
        value = f"{rows.BASE}/custom-field-values"
        return [
            self.write_route(
                "PATCH", application, "change_application", self._change, self.application
            ),
            self.write_route(
                "PATCH", candidate, "change_candidate", self._edit_candidate, self.person
            ),
            Route("POST", f"{rows.BASE}/notes", "write", "create_note", self._create_note),
            Route("POST", value, "write", "create_value", self._create_value),
            Route("PATCH", f"{value}/{{id}}", "write", "change_value", self._change_value),
        ]

    def _change(self, call: Call, application: Application) -> Reply:
        """Rejecting first, then moving, so that one document can do both."""
        given = self.data_of(call, "job-applications")
        attributes = self.part_of(given, "attributes", {"rejected-at", "cover-letter"})
        linked = self.part_of(given, "relationships", {"stage", "reject-reason"})
        before = status_parts(application)
        stage = self._linked_stage(application, linked)
        if "rejected-at" in attributes or "reject-reason" in linked:
            self._reject(application, attributes, linked)
        if stage is not None:
            self._move(application, stage)
        self.wrote(call, application, effect=before != status_parts(application))
        return self.document("job-applications", application.number)

    def _linked_stage(self, application: Application, linked: Record) -> Stage | None:
        if "stage" not in linked:
            return None
        number = self.linked(linked, "stage", "stages")
        stages = self.world.stages_of(application.job)
        found = next((stage for stage in stages if stage.number == number), None)
        if found is None:
            raise unprocessable("stage - must belong to the job")
        return found

    def _reject(self, application: Application, attributes: Record, linked: Record) -> None:
        """`rejected-at` decides; the reason is kept beside it."""
        at = attributes.get("rejected-at")
        if "rejected-at" in attributes and at is None:
            self._unreject(application)
            return
        if at is None and application.state != "rejected":
            message = "reject-reason - needs rejected-at"
            raise unprocessable(message, "reason_without_rejection")
        at_ms = application.rejected_ms if at is None else parse_ms(str(at))
        if at_ms is None:
            message = "rejected-at - must be ISO 8601 with a zone"
            raise unprocessable(message, "time_not_iso_8601")
        world, number = self.world, application.reason
        if "reject-reason" in linked:
            number = self.linked(linked, "reject-reason", "reject-reasons")
            if number is not None and number not in world.reasons:
                raise unprocessable("reject-reason - must exist")
        known = (application.state, application.reason, application.rejected_ms)
        if known != ("rejected", number, at_ms):
            self.actions.reject(application, world.reasons.get(number or 0))
            application.reason, application.rejected_ms = number, at_ms
            world.notify("application", application.number)

    def _unreject(self, application: Application) -> None:
        if application.state != "rejected":
            return
        if self.unreject_refused:
            raise unprocessable("rejected-at - cannot be blank")
        stage = self.world.stages[application.stage]
        if stage.kind == "Hired":
            self.actions.hire(application)
        else:
            self.actions.unreject(application, stage=stage)

    def _move(self, application: Application, stage: Stage) -> None:
        """The job's stage of type Hired hires; a rejected one stays rejected wherever it is."""
        if stage.number == application.stage:
            if self.same_stage_refused:
                raise unprocessable("stage - is already this one")
            return
        if stage.kind == "Hired" and application.state == "rejected":
            raise unprocessable("stage - a rejected application cannot be hired")
        self.enter(application, stage)

    def _edit_candidate(self, call: Call, person: Person) -> Reply:
        given = self.part_of(self.data_of(call, "candidates"), "attributes", set(EDITS))
        changes = {EDITS[name]: _as_kept(name, value) for name, value in given.items()}
        self.edit(call, person, changes)
        return self.document("candidates", person.number)

    def _create_note(self, call: Call) -> Reply:
        given = self.data_of(call, "notes")
        text = self.part_of(given, "attributes", {"note"}).get("note")
        linked = self.part_of(given, "relationships", {"candidate", "user"})
        user = self.linked(linked, "user", "users")
        if user not in self.world.users:
            raise unprocessable("user - must exist", "note_without_user")
        person = self.world.people.get(self.linked(linked, "candidate", "candidates") or 0)
        if person is None or not isinstance(text, str):
            raise unprocessable("candidate and note - must be given")
        note = self.note(call, person, text, user=user)
        return self.document("notes", note.number, status=201)

    def _create_value(self, call: Call) -> Reply:
        given = self.data_of(call, "custom-field-values")
        linked = self.part_of(given, "relationships", {"custom-field", "owner"})
        field = self.linked(linked, "custom-field", "custom-fields") or 0
        owner = self.linked(linked, "owner", "candidates") or 0
        if not 0 < field <= len(rows.FIELDS) or owner not in self.world.people:
            raise unprocessable("custom-field and owner - must exist")
        number = owner * rows.VALUES_EACH + field
        known = number in self.values_of(owner)
        if known and self.second_value_refused:
            raise unprocessable("custom-field - has already been taken")
        return self._write_value(call, number, given, status=201)

    def _change_value(self, call: Call) -> Reply:
        number = rows.VALUE_IDS.number(call.ids["id"]) or 0
        owner = number // rows.VALUES_EACH
        people = self.world.people
        if owner not in people or number not in self.values_of(owner):
            raise Refusal(404, "The custom field value could not be found")
        given = self.data_of(call, "custom-field-values")
        return self._write_value(call, number, given, status=200)

    def _write_value(self, call: Call, number: int, given: Record, *, status: int) -> Reply:
        owner, field = divmod(number, rows.VALUES_EACH)
        attributes = self.part_of(given, "attributes", {"value"})
        if attributes.get("value") is None:
            raise unprocessable("value - must be given", "parameter_missing")
        name, person = rows.FIELDS[field - 1][0], self.world.people[owner]
        self.set_fields(call, person, {name: attributes["value"]})
        return self.document("custom-field-values", number, status=status)

    def data_of(self, call: Call, kind: str) -> Record:
        """The `data` of a document, of the type and for the id of the endpoint; refused without."""
        if call.headers.get("Content-Type", "").partition(";")[0].strip() != rows.MEDIA_TYPE:
            raise Refusal(415, f"Content-Type must be {rows.MEDIA_TYPE}", rule="content_type_wrong")
        found = call.json_object().get("data")
        members = {"id", "type", "attributes", "relationships"}
        if not isinstance(found, dict) or set(found) - members:
            raise self.invalid("data is missing or has unknown members", "document_shape")
        if found.get("type") != kind or str(found.get("id")) != call.ids.get("id", "None"):
            raise self.invalid("data.type or data.id is not the resource's", "resource_identity")
        return found

    def part_of(self, given: Record, name: str, allowed: set[str]) -> Record:
        """The attributes or the relationships, none of them unknown."""
        found = given.get(name, {})
        if not isinstance(found, dict):
            raise self.invalid(f"{name} must be an object", "document_shape")
        unknown = sorted(set(found) - allowed)
        if unknown:
            raise self.invalid(f"{unknown[0]} is not allowed", "unknown_body_field")
        return found

    def linked(self, relationships: Record, name: str, kind: str) -> int | None:
        """The number of the resource that a relationship names, 0 for an unknown one."""
        relationship = relationships.get(name)
        if relationship is None:
            return None
        if not isinstance(relationship, dict) or "data" not in relationship:
            raise self.invalid(f"{name} must have data", "document_shape")
        to = relationship["data"]
        if to is None:
            return None
        if not isinstance(to, dict) or to.get("type") != kind:
            raise self.invalid(f"{name} must be of type {kind}", "relationship_type")
        return rows.IDS[kind].number(to.get("id")) or 0


def _as_kept(name: str, value: object) -> object:
    if name in {"email", "phone", "linkedin-url"}:
        return [Contact(str(value), "other")] if value else []
    return value


def unprocessable(message: str, rule: str | None = None) -> Refusal:
    """The refusal of a well-formed document whose content cannot be."""
    return Refusal(422, message, rule=rule)
