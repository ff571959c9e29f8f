"""Ashby's writes: stage changes that also archive and hire, notes, tags, custom fields."""

from dataclasses import dataclass

from connectors.simulator import ashby_rows as rows
from connectors.simulator.messages import Call, Record, Reply, Route
from connectors.simulator.vendor import numbered, status_parts
from connectors.simulator.world import Application, Reason, Stage

CHANGE = {"archiveReasonId", "archiveEmail"}
EMAIL = {"communicationTemplateId", "sendAt"}
NOTE = {"sendNotifications", "isPrivate", "createdAt"}


@dataclass(kw_only=True, eq=False)
class AshbyWrites(rows.AshbyRows):
    """Handlers of every write; each accepted one is recorded. The options are unverified (2026-11-23)."""

    same_stage_refused: bool = False
    """Refuses a change to the present stage."""
    hire_needs_offer: bool = False
    """Refuses to hire without an accepted offer."""
    archive_emails_fail: bool = False

    def write_routes(self) -> list[Route]:
        handlers = {
            "application.changeStage": self._change_stage,
            "candidate.createNote": self._note,
            "candidate.addTag": self._tag,
            "candidate.removeTag": self._tag,
            "candidateTag.create": self._create_tag,
            "customField.setValue": self._set_value,
            "customField.setValues": self._set_values,
            "candidate.anonymize": self._anonymise,
        }
        return [Route("POST", f"/{n}", "write", n, handler) for n, handler in handlers.items()]

    def _change_stage(self, call: Call) -> Reply:
        given = self.body(call, CHANGE, "applicationId", "interviewStageId")
        application = self.application(given["applicationId"])
        stage = self.found(
            self.stage_in(application.job, given["interviewStageId"]), "interview stage"
        )
        reason = self._archive_reason(given, stage)
        self._check(application, stage)
        if "archiveEmail" in given:
            self._send_email(application, stage, given["archiveEmail"])
        before = status_parts(application)
        if reason is not None:
            self.reject_for(application, reason, user=call.actor)
        else:
            self.enter(application, stage, user=call.actor)
        self.wrote(call, application, effect=before != status_parts(application))
        return self.answer(self.application_row(application.number))

    def _archive_reason(self, given: Record, stage: Stage) -> Reason | None:
        if stage.kind != "Archived":
            return None
        if given.get("archiveReasonId") is None:
            message = "archiveReasonId is required for a stage of type Archived"
            raise self.invalid(message, "archive_without_reason")
        return self.found(self.reason(given["archiveReasonId"]), "archive reason")

    def _check(self, application: Application, stage: Stage) -> None:
        if stage.number == application.stage and self.same_stage_refused:
            raise self.invalid("The application is already in this stage")
        if stage.kind == "Hired" and self.hire_needs_offer:
            raise self.invalid("An accepted offer is required before hiring")

    def _send_email(self, application: Application, stage: Stage, email: object) -> None:
        """Send the archive e-mail, or refuse so that the stage stays as it is."""
        if stage.kind != "Archived":
            message = "archiveEmail is only allowed with a stage of type Archived"
            code = "communication_template_not_allowed"
            raise self.invalid(message, code=code, rule="email_without_archiving")
        if not isinstance(email, dict) or set(email) - EMAIL:
            raise self.invalid("archiveEmail has unknown fields", "unknown_body_field")
        if not email.get("communicationTemplateId"):
            raise self.invalid("communicationTemplateId is required", "email_without_template")
        if "sendAt" in email:
            self.moment(email["sendAt"], "sendAt")
        if self.archive_emails_fail:
            raise self.not_found("communication template")
        if application.state != "rejected":
            self.recorder.emails_sent += 1

    def _note(self, call: Call) -> Reply:
        given = self.body(call, NOTE, "candidateId", "note")
        person = self.person(given["candidateId"])
        note = given["note"]
        text = note.get("value") if isinstance(note, dict) else note
        if not isinstance(text, str):
            raise self.invalid("note must be a text or {type, value}", "note_shape")
        return self.answer(rows.note_row(self.world, self.note(call, person, text)))

    def _tag(self, call: Call) -> Reply:
        given = self.body(call, (), "candidateId", "tagId")
        person = self.person(given["candidateId"])
        tag = self.found(
            numbered(rows.TAG_IDS.number(given["tagId"]), self.world.tags), "candidate tag"
        )
        tags = [known for known in person.tags if known != tag]
        if call.route.name == "candidate.addTag":
            tags = person.tags if tag in person.tags else [*tags, tag]
        self.edit(call, person, {"tags": tags})
        return self.answer(self.candidate_row(person.number))

    def _create_tag(self, call: Call) -> Reply:
        given = self.body(call, (), "title")
        title, known = str(given["title"]), self.world.tags
        effect = title not in known
        if effect:
            known.append(title)
        self.wrote(call, effect=effect)
        return self.answer(rows.tag_row(self.world, title))

    def _set_value(self, call: Call) -> Reply:
        required = ("objectId", "objectType", "fieldId")
        given = self.body(call, {"fieldValue"}, *required)
        changes = {self._field(given, given["fieldId"]): given.get("fieldValue")}
        self._write_fields(call, given, changes)
        title, value = next(iter(changes.items()))
        return self.answer({"id": given["fieldId"], "title": title, "value": value})

    def _set_values(self, call: Call) -> Reply:
        given = self.body(call, (), "objectId", "objectType", "values")
        values = given["values"]
        if not isinstance(values, list):
            raise self.invalid("values must be a list", "values_not_a_list")
        changes = {self._field(given, v.get("fieldId")): v.get("fieldValue") for v in values}
        self._write_fields(call, given, changes)
        return self.answer([{"title": title, "value": value} for title, value in changes.items()])

    def _field(self, given: Record, key: object) -> str:
        field = numbered(rows.FIELD_IDS.number(key), rows.FIELDS)
        if field is None or field[0] != given["objectType"]:
            raise self.not_found("custom field")
        return field[1]

    def _write_fields(self, call: Call, given: Record, changes: Record) -> None:
        of_application = given["objectType"] == "Application"
        key = given["objectId"]
        owner = self.application(key) if of_application else self.person(key)
        self.set_fields(call, owner, changes)

    def _anonymise(self, call: Call) -> Reply:
        given = self.body(call, (), "candidateId")
        person = self.person(given["candidateId"])
        if any(a.state == "active" for a in self.world.applications_of(person)):
            raise self.invalid("Every application must be archived or hired first")
        self.actions.anonymise(person)
        self.wrote(call, person)
        return self.answer(self.candidate_row(person.number))
