"""SmartRecruiters' writes: a status per candidate and job, tags, custom fields, notes."""

import re
from typing import TYPE_CHECKING

import msgspec

from connectors.simulator import smartrecruiters_rows as rows
from connectors.simulator.clock import parse_ms
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.truth import Record
from connectors.simulator.world import Application, Reason, Stage

if TYPE_CHECKING:
    from connectors.simulator.smartrecruiters import SmartRecruiters

ONE = "/candidates/{id}"
STATUS = {"status", "subStatus", "startsOn", "reason"}
SHARE = {"content", "correlationId", "shareWith"}
CLOSED = {"REJECTED": "rejected", "WITHDRAWN": "withdrawn"}


class SmartRecruitersWrites:
    """Handlers of every write; each accepted one is recorded by the simulator."""

    def __init__(self, simulator: "SmartRecruiters") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The write endpoints."""
        job = f"{ONE}/jobs/{{job}}"
        return [
            Route("PUT", f"{job}/status", "write", "status", self._status),
            Route("PUT", f"{ONE}/status", "write", "primary_status", self._primary_status),
            Route("PUT", f"{job}/properties", "write", "set_properties", self._set_properties),
            Route("POST", f"{ONE}/tags", "write", "add_tags", self._tags),
            Route("PUT", f"{ONE}/tags", "write", "replace_tags", self._tags),
            Route("DELETE", f"{ONE}/tags", "write", "remove_tags", self._tags),
            Route("DELETE", ONE, "write", "delete_candidate", self._delete),
            Route("POST", "/messages/shares", "write", "share", self._share),
        ]

    def _status(self, call: Call) -> Reply:
        return self._change_status(call, self._simulator.application(call))

    def _primary_status(self, call: Call) -> Reply:
        """Works, but the vendor discourages it: which assignment is primary may change."""
        person = self._simulator.person(call)
        self._simulator.violated("primary_status_discouraged", call.route.name)
        primary = next(self._simulator.world.applications_of(person), None)
        if primary is None:
            raise Refusal(404, "Candidate has no assignment")
        return self._change_status(call, primary)

    def _change_status(self, call: Call, application: Application) -> Reply:
        given = _body(call, STATUS)
        status = rows.bare_status(given.get("status"))
        if status is None or status == "TRANSFERRED":
            raise Refusal(400, "status is missing or unknown", rule="unknown_status")
        if given.get("startsOn") is not None and parse_ms(str(given["startsOn"])) is None:
            raise Refusal(400, "startsOn must be a date-time", rule="time_not_iso_8601")
        before = (application.stage, application.state, application.reason)
        if status in CLOSED:
            self._close(application, status, given)
        else:
            self._open(application, self._stage(application.job, status, given), given)
        effect = before != (application.stage, application.state, application.reason)
        if not effect and self._simulator.same_status_refused:
            raise Refusal(400, "The candidate is already in this status")
        self._simulator.wrote("status", call, application=application, effect=effect)
        return Reply(204)

    def _close(self, application: Application, status: str, given: Record) -> None:
        if given.get("subStatus") is not None:
            raise _wrong_label(status)
        reason = self._reason(status, given.get("reason"))
        same = reason is None or application.reason == reason.number
        if same and rows.closed_status(self._simulator.world, application) == status:
            return
        if reason is not None:
            self._simulator.actions.reject(application, reason)
        elif status == "WITHDRAWN":
            self._simulator.actions.withdraw(application)
        else:
            self._simulator.actions.reject(application)
            application.reason = None
            self._simulator.world.tell("person", application.person)

    def _reason(self, status: str, key: object) -> Reason | None:
        if key is None:
            if self._simulator.reason_required:
                raise Refusal(400, "A reason is required")
            return None
        reason = self._simulator.world.reasons.get(rows.REASON_IDS.number(key) or 0)
        if reason is None:
            raise Refusal(400, "reason is no reason of this account")
        if (reason.kind == "withdrawn") != (status == "WITHDRAWN"):
            message = "reason belongs to the other kind of status"
            raise Refusal(400, message, rule="reason_of_the_other_kind")
        return reason

    def _open(self, application: Application, stage: Stage, given: Record) -> None:
        if given.get("reason") is not None:
            raise Refusal(400, "reason is not allowed here", rule="reason_without_rejection")
        actions = self._simulator.actions
        if stage.kind == "HIRED":
            if application.state != "hired":
                actions.hire(application)
        elif application.state != "active":
            actions.unreject(application, stage=stage)
        elif stage.number != application.stage:
            actions.move(application, stage)

    def _stage(self, job: int, status: str, given: Record) -> Stage:
        label = given.get("subStatus")
        for stage in self._simulator.world.stages_of(job):
            if stage.kind == status and rows.sub_status_of(stage) == label:
                self._check_process(job, status, label)
                return stage
        raise _wrong_label(status)

    def _check_process(self, job: int, status: str, label: object) -> None:
        """A label counts only in the hiring process that the job goes by."""
        world, processes = self._simulator.world, self._simulator.hiring_processes
        process = rows.process_of(world, job, processes)
        if label is not None and label not in rows.labels_of(world, process, processes)[status]:
            message = "subStatus does not exist in the hiring process of this job"
            raise Refusal(422, message, rule="substatus_of_another_process")

    def _set_properties(self, call: Call) -> Reply:
        """An array of ids and values; one without a value is reset."""
        application = self._simulator.application(call)
        _expect_json(call)
        changes: Record = {}
        for entry in _entries(call):
            number = rows.PROPERTY_IDS.number(entry.get("id")) or 0
            if not 0 < number <= len(rows.PROPERTIES):
                raise Refusal(400, "Property was not found", code="INVALID_INPUT")
            label, kind = rows.PROPERTIES[number - 1]
            changes[label] = _typed(kind, entry.get("value"))
        known = application.custom_fields
        effect = any(known.get(name) != value for name, value in changes.items())
        if effect:
            self._simulator.actions.edit_application(application, changes)
        name = call.route.name
        self._simulator.wrote(name, call, application=application, effect=effect, body=changes)
        return Reply.of({"content": rows.property_values(application)})

    def _tags(self, call: Call) -> Reply:
        """POST adds, PUT replaces, DELETE removes all of them."""
        person = self._simulator.person(call)
        tags: list[str] = []
        if call.route.method != "DELETE":
            tags = _texts(_body(call, {"tags"}).get("tags"))
        if call.route.method == "POST":
            tags = [*person.tags, *tags]
        tags = list(dict.fromkeys(tags))
        effect = tags != person.tags
        if effect:
            self._simulator.actions.edit_person(person, {"tags": tags})
        self._simulator.wrote(call.route.name, call, person=person, effect=effect)
        return Reply(204) if call.route.method == "DELETE" else Reply.of({"tags": tags})

    def _delete(self, call: Call) -> Reply:
        person = self._simulator.person(call)
        self._simulator.wrote(call.route.name, call, person=person)
        self._simulator.actions.delete_person(person)
        return Reply(204)

    def _share(self, call: Call) -> Reply:
        """A note; `#` names the candidate, `@` sends someone an e-mail."""
        content = str(_body(call, SHARE).get("content") or "")
        named = re.search(r"#\[CANDIDATE:([^\]]+)\]", content)
        person = self._simulator.find_person(named.group(1)) if named else None
        if person is None:
            message = "content names no candidate"
            raise Refusal(400, message, rule="note_without_candidate" if named is None else None)
        self._simulator.recorder.emails_sent += len(re.findall(r"@\[USER:[^\]]+\]", content))
        note = self._simulator.actions.add_note(person, content)
        self._simulator.wrote(call.route.name, call, person=person)
        return Reply.of({"id": rows.MESSAGE_IDS.of(note.number)}, 201)


def _expect_json(call: Call) -> None:
    if not call.headers.get("Content-Type", "").startswith("application/json"):
        raise Refusal(415, "The body must be JSON", rule="content_type_wrong")


def _body(call: Call, allowed: set[str]) -> Record:
    _expect_json(call)
    given = call.json_object()
    unknown = sorted(set(given) - allowed)
    if unknown:
        raise Refusal(400, f"{unknown[0]} is unknown", rule="unknown_body_field")
    return given


def _entries(call: Call) -> list[Record]:
    try:
        return msgspec.json.decode(call.body, type=list[dict[str, object]])
    except msgspec.MsgspecError:
        raise Refusal(400, "The body must be an array", rule="properties_not_an_array") from None


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise Refusal(400, "tags must be a list of texts", rule="tags_not_a_list")
    return value


def _typed(kind: str, value: object) -> object:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and (kind == "NUMBER") != number:
        raise Refusal(400, f"The value must be of type {kind}", rule="property_type_wrong")
    return value


def _wrong_label(status: str) -> Refusal:
    message = f"subStatus does not exist under {status}"
    return Refusal(400, message, rule="substatus_not_of_status")
