"""Teamtailor's writes: JSON:API documents that move, reject, tag, note and fill custom fields."""

from typing import TYPE_CHECKING

from connectors.simulator import teamtailor_rows as rows
from connectors.simulator.clock import parse_ms
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.truth import Record
from connectors.simulator.world import Application, Contact, Stage

if TYPE_CHECKING:
    from connectors.simulator.teamtailor import Teamtailor

BASE = "/v1"
MEDIA_TYPE = "application/vnd.api+json"
EDITS = {
    "first-name": "first_name",
    "last-name": "last_name",
    "email": "emails",
    "phone": "phones",
    "linkedin-url": "links",
    "tags": "tags",
    "referring-site": "source",
}


class TeamtailorWrites:
    """Handlers of every write; each accepted one is recorded by the simulator."""

    def __init__(self, simulator: "Teamtailor") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The write endpoints."""
        application = f"{BASE}/job-applications/{{id}}"
        value = f"{BASE}/custom-field-values"
        return [
            Route("PATCH", application, "write", "change_application", self._change),
            Route("PATCH", f"{BASE}/candidates/{{id}}", "write", "change_candidate", self._edit),
            Route("POST", f"{BASE}/notes", "write", "create_note", self._note),
            Route("POST", value, "write", "create_value", self._create_value),
            Route("PATCH", f"{value}/{{id}}", "write", "change_value", self._change_value),
        ]

    def _change(self, call: Call) -> Reply:
        """Rejecting first, then moving, so that one document can do both."""
        application = self._simulator.application(call.ids["id"])
        given = _document(call, "job-applications")
        attributes = _part(given, "attributes", {"rejected-at", "cover-letter"})
        linked = _part(given, "relationships", {"stage", "reject-reason"})
        before = (application.stage, application.state, application.reason)
        stage = self._stage(application, linked)
        if "rejected-at" in attributes or "reject-reason" in linked:
            self._reject(application, attributes, linked)
        if stage is not None:
            self._enter(application, stage)
        effect = before != (application.stage, application.state, application.reason)
        self._simulator.wrote(call.route.name, call, application=application, effect=effect)
        return self._simulator.document("job-applications", application.number)

    def _stage(self, application: Application, linked: Record) -> Stage | None:
        if "stage" not in linked:
            return None
        number = _linked(linked, "stage", "stages")
        stages = self._simulator.world.stages_of(application.job)
        found = next((stage for stage in stages if stage.number == number), None)
        if found is None:
            raise Refusal(422, "stage - must belong to the job")
        return found

    def _reject(self, application: Application, attributes: Record, linked: Record) -> None:
        """`rejected-at` decides; the reason is kept beside it."""
        at = attributes.get("rejected-at")
        if "rejected-at" in attributes and at is None:
            self._unreject(application)
            return
        if at is None and application.state != "rejected":
            message = "reject-reason - needs rejected-at"
            raise Refusal(422, message, rule="reason_without_rejection")
        at_ms = application.rejected_ms if at is None else parse_ms(str(at))
        if at_ms is None:
            message = "rejected-at - must be ISO 8601 with a zone"
            raise Refusal(422, message, rule="time_not_iso_8601")
        world, number = self._simulator.world, application.reason
        if "reject-reason" in linked:
            number = _linked(linked, "reject-reason", "reject-reasons")
            if number is not None and number not in world.reasons:
                raise Refusal(422, "reject-reason - must exist")
        known = (application.state, application.reason, application.rejected_ms)
        if known != ("rejected", number, at_ms):
            self._simulator.actions.reject(application, world.reasons.get(number or 0))
            application.reason, application.rejected_ms = number, at_ms
            world.tell("application", application.number)

    def _unreject(self, application: Application) -> None:
        if application.state != "rejected":
            return
        if self._simulator.unreject_refused:
            raise Refusal(422, "rejected-at - cannot be blank")
        stage = self._simulator.world.stages[application.stage]
        if stage.kind == "Hired":
            self._simulator.actions.hire(application)
        else:
            self._simulator.actions.unreject(application, stage=stage)

    def _enter(self, application: Application, stage: Stage) -> None:
        """The job's stage of type Hired hires; a rejected one stays rejected wherever it is."""
        actions = self._simulator.actions
        if stage.number == application.stage:
            if self._simulator.same_stage_refused:
                raise Refusal(422, "stage - is already this one")
        elif stage.kind == "Hired":
            if application.state == "rejected":
                raise Refusal(422, "stage - a rejected application cannot be hired")
            actions.hire(application)
        elif application.state == "hired":
            actions.unreject(application, stage=stage)
        else:
            actions.move(application, stage)

    def _edit(self, call: Call) -> Reply:
        person = self._simulator.person(call.ids["id"])
        given = _part(_document(call, "candidates"), "attributes", set(EDITS))
        changes = {EDITS[name]: _as_kept(name, value) for name, value in given.items()}
        effect = any(getattr(person, name) != value for name, value in changes.items())
        if effect:
            self._simulator.actions.edit_person(person, changes)
        self._simulator.wrote(call.route.name, call, person=person, effect=effect)
        return self._simulator.document("candidates", person.number)

    def _note(self, call: Call) -> Reply:
        given = _document(call, "notes")
        text = _part(given, "attributes", {"note"}).get("note")
        linked = _part(given, "relationships", {"candidate", "user"})
        user = _linked(linked, "user", "users")
        if user not in self._simulator.world.users:
            raise Refusal(422, "user - must exist", rule="note_without_user")
        person = self._simulator.world.people.get(_linked(linked, "candidate", "candidates") or 0)
        if person is None or not isinstance(text, str):
            raise Refusal(422, "candidate and note - must be given")
        note = self._simulator.actions.add_note(person, text, user=user or 1)
        self._simulator.wrote(call.route.name, call, person=person)
        return self._simulator.document("notes", note.number, status=201)

    def _create_value(self, call: Call) -> Reply:
        given = _document(call, "custom-field-values")
        linked = _part(given, "relationships", {"custom-field", "owner"})
        field = _linked(linked, "custom-field", "custom-fields") or 0
        owner = _linked(linked, "owner", "candidates") or 0
        if not 0 < field <= len(rows.FIELDS) or owner not in self._simulator.world.people:
            raise Refusal(422, "custom-field and owner - must exist")
        number = owner * rows.VALUES_EACH + field
        known = number in self._simulator.rows.values_of(owner)
        if known and self._simulator.second_value_refused:
            raise Refusal(422, "custom-field - has already been taken")
        return self._write_value(call, number, given, status=201)

    def _change_value(self, call: Call) -> Reply:
        number = rows.VALUE_IDS.number(call.ids["id"]) or 0
        owner = number // rows.VALUES_EACH
        people = self._simulator.world.people
        if owner not in people or number not in self._simulator.rows.values_of(owner):
            raise Refusal(404, "The custom field value could not be found")
        given = _document(call, "custom-field-values")
        return self._write_value(call, number, given, status=200)

    def _write_value(self, call: Call, number: int, given: Record, *, status: int) -> Reply:
        owner, field = divmod(number, rows.VALUES_EACH)
        attributes = _part(given, "attributes", {"value"})
        if attributes.get("value") is None:
            raise Refusal(422, "value - must be given", rule="parameter_missing")
        name, person = rows.FIELDS[field - 1][0], self._simulator.world.people[owner]
        effect = person.custom_fields.get(name) != attributes["value"]
        if effect:
            changes: Record = {name: attributes["value"]}
            self._simulator.actions.edit_person(person, {"custom_fields": changes})
        self._simulator.wrote(call.route.name, call, person=person, effect=effect)
        return self._simulator.document("custom-field-values", number, status=status)


def _document(call: Call, kind: str) -> Record:
    """The `data` of a JSON:API document, of the type and for the id of the endpoint."""
    if call.headers.get("Content-Type", "").partition(";")[0].strip() != MEDIA_TYPE:
        raise Refusal(415, f"Content-Type must be {MEDIA_TYPE}", rule="content_type_wrong")
    found = call.json_object().get("data")
    if not isinstance(found, dict) or set(found) - {"id", "type", "attributes", "relationships"}:
        raise Refusal(400, "data is missing or has unknown members", rule="document_shape")
    if found.get("type") != kind or str(found.get("id")) != call.ids.get("id", "None"):
        raise Refusal(400, "data.type or data.id is not the resource's", rule="resource_identity")
    return found


def _part(given: Record, name: str, allowed: set[str]) -> Record:
    found = given.get(name, {})
    if not isinstance(found, dict):
        raise Refusal(400, f"{name} must be an object", rule="document_shape")
    unknown = sorted(set(found) - allowed)
    if unknown:
        raise Refusal(400, f"{unknown[0]} is not allowed", rule="unknown_body_field")
    return found


def _linked(linked: Record, name: str, kind: str) -> int | None:
    """The number of the resource that a relationship names; None for none or an unknown one."""
    relationship = linked.get(name)
    if relationship is None:
        return None
    if not isinstance(relationship, dict) or "data" not in relationship:
        raise Refusal(400, f"{name} must have data", rule="document_shape")
    to = relationship["data"]
    if to is None:
        return None
    if not isinstance(to, dict) or to.get("type") != kind:
        raise Refusal(400, f"{name} must be of type {kind}", rule="relationship_type")
    return rows.IDS[kind].number(to.get("id")) or 0


def _as_kept(name: str, value: object) -> object:
    if name in {"email", "phone", "linkedin-url"}:
        return [Contact(str(value), "other")] if value else []
    return value
