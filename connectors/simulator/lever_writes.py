"""Lever's writes: stage, archive state, tags and notes of an opportunity."""

from dataclasses import dataclass

from connectors.simulator import lever_rows as rows
from connectors.simulator.messages import Call, Record, Reply, Route
from connectors.simulator.vendor import status_parts
from connectors.simulator.world import Application

NOTE_FIELDS = {"value", "secret", "score", "notifyFollowers", "createdAt"}


@dataclass(kw_only=True, eq=False)
class LeverWrites(rows.LeverRows):
    """Handlers of every write; each accepted one is recorded. The options are unverified (2026-11-23)."""

    perform_as_required: bool = False
    """Refuses writes without `perform_as`."""
    same_stage_refused: bool = False
    """Refuses moves to the present stage."""

    def write_routes(self) -> list[Route]:
        one = "/v1/opportunities/{id}"
        return [
            Route("PUT", f"{one}/stage", "write", "stage", self._stage),
            Route("PUT", f"{one}/archived", "write", "archived", self._archived),
            Route("POST", f"{one}/addTags", "write", "add_tags", self._tags),
            Route("POST", f"{one}/removeTags", "write", "remove_tags", self._tags),
            Route("POST", f"{one}/notes", "write", "note", self._note),
        ]

    def _stage(self, call: Call) -> Reply:
        application, body = self._begin(call, {"stage"})
        wanted = body.get("stage")
        stages = self.world.stages.values()
        stage = next((s for s in stages if rows.stage_id(s) == wanted), None)
        if stage is None:
            raise self.invalid("stage is no stage of this account")
        effect = stage.number != application.stage
        if not effect and self.same_stage_refused:
            raise self.invalid("The opportunity is already in this stage")
        if effect:
            self.actions.move(application, stage, user=call.actor)
        return self._done(call, application, effect=effect)

    def _archived(self, call: Call) -> Reply:
        application, body = self._begin(call, {"reason", "cleanInterviews", "requisitionId"})
        if "reason" not in body:
            raise self.invalid("reason is required", "archive_without_reason")
        before = status_parts(application)
        self._put_archived(call, application, body["reason"])
        return self._done(call, application, effect=before != status_parts(application))

    def _put_archived(self, call: Call, application: Application, key: object) -> None:
        actions, user = self.actions, call.actor
        reason = self.reason(key)
        if key is None:
            if application.state != "active":
                actions.unreject(application, user=user)
        elif rows.REASON_IDS.number(key) == rows.HIRED_REASON:
            if application.state != "hired":
                actions.hire(application, user=user)
        elif reason is not None:
            self.reject_for(application, reason, user=user)
        else:
            raise self.invalid("reason is no archive reason of this account")

    def _tags(self, call: Call) -> Reply:
        application, body = self._begin(call, {"tags"})
        given = self.texts(body.get("tags"))
        person = self.world.people[application.person]
        added = [tag for tag in given if tag not in person.tags]
        kept = [tag for tag in person.tags if tag not in given]
        after = [*person.tags, *added] if call.route.name == "add_tags" else kept
        self.edit(call, application, {"tags": after})
        return self._shown(application)

    def _note(self, call: Call) -> Reply:
        application, body = self._begin(call, NOTE_FIELDS)
        if not isinstance(body.get("value"), str):
            raise self.invalid("value is required", "note_without_value")
        note = self.note(call, application, str(body["value"]))
        return self.answer(rows.note_row(note), 201)

    def _begin(self, call: Call, allowed: set[str]) -> tuple[Application, Record]:
        """The opportunity and the checked body, with the actor taken from `perform_as`."""
        self.expect(call, {"perform_as"})
        self._act_as(call)
        return self.application(call.ids["id"]), self.body(call, allowed)

    def _act_as(self, call: Call) -> None:
        if "perform_as" not in call.query:
            if self.perform_as_required:
                raise self.invalid("perform_as is required", "perform_as_missing")
            return
        user = self.user(call.query["perform_as"])
        if user is None:
            raise self.invalid("perform_as is no user of this account")
        call.actor = user

    def _done(self, call: Call, application: Application, *, effect: bool) -> Reply:
        self.wrote(call, application, effect=effect)
        return self._shown(application)

    def _shown(self, application: Application) -> Reply:
        return self.answer(self.opportunity_row(application.number))
