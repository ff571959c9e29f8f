"""SmartRecruiters' writes: a status per candidate and job, tags, custom fields, notes."""

import re
from dataclasses import dataclass

import msgspec

from connectors.simulator import smartrecruiters_rows as rows
from connectors.simulator.messages import Call, Record, Refusal, Reply, Route
from connectors.simulator.vendor import numbered, status_parts
from connectors.simulator.world import Application, Person, Reason, Stage

ONE = "/candidates/{id}"
STATUS = {"status", "subStatus", "startsOn", "reason"}
SHARE = {"content", "correlationId", "shareWith"}
SHARED_WITH = {"users", "hiringTeamOf", "everyone", "openNote"}
CLOSED = {"REJECTED": "rejected", "WITHDRAWN": "withdrawn"}


@dataclass(kw_only=True, eq=False)
class SmartRecruitersWrites(rows.SmartRecruitersRows):
    """Handlers of every write; each accepted one is recorded."""

    same_status_refused: bool = False
    reason_required: bool = False
    starts_on_required: bool = False
    hiring_processes: int = 2
    """Jobs use one of them in turn, and each sub-status belongs to one of them."""

    def write_routes(self) -> list[Route]:
        job = f"{ONE}/jobs/{{job}}"
        return [
            Route("PUT", f"{job}/status", "write", "status", self._status),
            Route("PUT", f"{ONE}/status", "write", "primary_status", self._primary_status),
            Route("PUT", f"{job}/properties", "write", "set_properties", self._set_properties),
            self.write_route("POST", f"{ONE}/tags", "add_tags", self._tags, self.person),
            self.write_route("PUT", f"{ONE}/tags", "replace_tags", self._tags, self.person),
            self.write_route("DELETE", f"{ONE}/tags", "remove_tags", self._tags, self.person),
            self.write_route("DELETE", ONE, "delete_candidate", self._delete, self.person),
            Route("POST", "/messages/shares", "write", "share", self._share),
        ]

    def _status(self, call: Call) -> Reply:
        return self._change_status(call, self.assigned(call))

    def _primary_status(self, call: Call) -> Reply:
        """Works, but the vendor discourages it: which assignment is primary may change."""
        person = self.person(call.ids["id"])
        self.violated("primary_status_discouraged", call.route.name)
        primary = next(self.world.applications_of(person), None)
        if primary is None:
            raise Refusal(404, "Candidate has no assignment")
        return self._change_status(call, primary)

    def _change_status(self, call: Call, application: Application) -> Reply:
        given = self.body(call, STATUS)
        status = rows.bare_status(given.get("status"))
        if status is None or status == "TRANSFERRED":
            raise self.invalid("status is missing or unknown", "unknown_status")
        if given.get("startsOn") is not None:
            self.moment(given["startsOn"], "startsOn")
        elif status == "HIRED" and self.starts_on_required:
            raise self.invalid("startsOn is required to hire")
        before = status_parts(application)
        if status in CLOSED:
            self._close(application, status, given)
        else:
            if given.get("reason") is not None:
                raise self.invalid("reason is not allowed here", "reason_without_rejection")
            self.enter(application, self._stage(application.job, status, given))
        effect = before != status_parts(application)
        if not effect and self.same_status_refused:
            raise self.invalid("The candidate is already in this status")
        self.wrote(call, application, kind="status", effect=effect)
        return Reply(204)

    def _close(self, application: Application, status: str, given: Record) -> None:
        if given.get("subStatus") is not None:
            raise self._wrong_label(status)
        reason = self._closing_reason(status, given.get("reason"))
        same = reason is None or application.reason == reason.number
        if same and rows.closed_status(self.world, application) == status:
            return
        if reason is not None:
            self.actions.reject(application, reason)
        elif status == "WITHDRAWN":
            self.actions.withdraw(application)
        else:
            self.actions.reject(application)
            application.reason = None
            self.world.notify("person", application.person)

    def _closing_reason(self, status: str, key: object) -> Reason | None:
        if key is None:
            if self.reason_required:
                raise self.invalid("A reason is required")
            return None
        reason = self.reason(key)
        if reason is None:
            raise self.invalid("reason is no reason of this account")
        if (reason.kind == "withdrawn") != (status == "WITHDRAWN"):
            message = "reason belongs to the other kind of status"
            raise self.invalid(message, "reason_of_the_other_kind")
        return reason

    def _stage(self, job: int, status: str, given: Record) -> Stage:
        label = given.get("subStatus")
        for stage in self.world.stages_of(job):
            if stage.kind == status and rows.sub_status_of(stage) == label:
                self._check_process(job, status, label)
                return stage
        raise self._wrong_label(status)

    def _check_process(self, job: int, status: str, label: object) -> None:
        """A label counts only in the hiring process that the job uses."""
        world, processes = self.world, self.hiring_processes
        process = rows.process_of(world, job, processes)
        if label is not None and label not in rows.labels_of(world, process, processes)[status]:
            message = "subStatus does not exist in the hiring process of this job"
            raise Refusal(422, message, rule="substatus_of_another_process")

    def _set_properties(self, call: Call) -> Reply:
        """An array of ids and values; one without a value is reset."""
        application = self.assigned(call)
        self.expect_json(call)
        changes: Record = {}
        for entry in self._entries(call):
            known = numbered(rows.PROPERTY_IDS.number(entry.get("id")), rows.PROPERTIES)
            if known is None:
                raise self.invalid("Property was not found", code="INVALID_INPUT")
            label, kind = known
            changes[label] = self._typed(kind, entry.get("value"))
        self.set_fields(call, application, changes, body=changes)
        return Reply.of({"content": rows.property_values(application)})

    def _tags(self, call: Call, person: Person) -> Reply:
        """POST adds, PUT replaces, DELETE removes all of them."""
        tags: list[str] = []
        if call.route.method != "DELETE":
            tags = self.texts(self.body(call, {"tags"}).get("tags"))
        if call.route.method == "POST":
            tags = [*person.tags, *tags]
        tags = list(dict.fromkeys(tags))
        self.edit(call, person, {"tags": tags})
        return Reply(204) if call.route.method == "DELETE" else Reply.of({"tags": tags})

    def _delete(self, call: Call, person: Person) -> Reply:
        self.wrote(call, person)
        self.actions.delete_person(person)
        return Reply(204)

    def _share(self, call: Call) -> Reply:
        """A note; `#` names the candidate, `@` sends someone an e-mail."""
        given = self.body(call, SHARE)
        share = given.get("shareWith", {})
        if not isinstance(share, dict) or set(share) - SHARED_WITH:
            raise self.invalid("shareWith has unknown fields", "unknown_body_field")
        content = str(given.get("content") or "")
        named = re.search(r"#\[CANDIDATE:([^\]]+)\]", content)
        person = self.find_person(named.group(1)) if named else None
        if person is None:
            message = "content names no candidate"
            raise Refusal(400, message, rule="note_without_candidate" if named is None else None)
        self.recorder.emails_sent += len(re.findall(r"@\[USER:[^\]]+\]", content))
        note = self.note(call, person, content)
        return Reply.of({"id": rows.MESSAGE_IDS.of(note.number)}, 201)

    def assigned(self, call: Call) -> Application:
        """The application of the candidate and the job in the path."""
        return self.application(f"{call.ids['id']}:{call.ids['job']}")

    def _entries(self, call: Call) -> list[Record]:
        try:
            return msgspec.json.decode(call.body, type=list[dict[str, object]])
        except msgspec.MsgspecError:
            message = "The body must be an array"
            raise self.invalid(message, "properties_not_an_array") from None

    def _typed(self, kind: str, value: object) -> object:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and (kind == "NUMBER") != number:
            raise self.invalid(f"The value must be of type {kind}", "property_type_wrong")
        return value

    def _wrong_label(self, status: str) -> Refusal:
        return self.invalid(f"subStatus does not exist under {status}", "substatus_not_of_status")
