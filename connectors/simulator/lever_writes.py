"""Lever's writes: stage, archive state, tags and notes of an opportunity."""

from typing import TYPE_CHECKING

from connectors.simulator import lever_rows as rows
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.world import Application

if TYPE_CHECKING:
    from connectors.simulator.lever import Lever

Body = dict[str, object]
NOTE_FIELDS = {"value", "secret", "score", "notifyFollowers", "createdAt"}


class LeverWrites:
    """Handlers of every write; each accepted one is recorded by the simulator."""

    def __init__(self, simulator: "Lever") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The write endpoints."""
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
        stages = self._simulator.world.stages.values()
        stage = next((s for s in stages if rows.stage_id(s) == wanted), None)
        if stage is None:
            raise Refusal(400, "stage is no stage of this account")
        effect = stage.number != application.stage
        if not effect and self._simulator.same_stage_refused:
            raise Refusal(400, "The opportunity is already in this stage")
        if effect:
            self._simulator.actions.move(application, stage, user=call.actor)
        return self._done("stage", call, application, effect=effect)

    def _archived(self, call: Call) -> Reply:
        application, body = self._begin(call, {"reason", "cleanInterviews", "requisitionId"})
        if "reason" not in body:
            raise Refusal(400, "reason is required", rule="archive_without_reason")
        before = (application.state, application.reason)
        self._put_archived(call, application, body["reason"])
        effect = before != (application.state, application.reason)
        return self._done("archived", call, application, effect=effect)

    def _put_archived(self, call: Call, application: Application, reason: object) -> None:
        actions, user = self._simulator.actions, call.actor
        number = rows.REASON_IDS.number(reason)
        if reason is None:
            if application.state != "active":
                actions.unreject(application, user=user)
        elif number == rows.HIRED_REASON:
            if application.state != "hired":
                actions.hire(application, user=user)
        elif number in self._simulator.world.reasons:
            known = self._simulator.world.reasons[number or 0]
            if (application.state, application.reason) != ("rejected", known.number):
                actions.reject(application, known, user=user)
        else:
            raise Refusal(400, "reason is no archive reason of this account")

    def _tags(self, call: Call) -> Reply:
        application, body = self._begin(call, {"tags"})
        given = body.get("tags")
        if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
            raise Refusal(400, "tags must be a list of strings", rule="tags_not_a_list")
        person = self._simulator.world.people[application.person]
        added = [tag for tag in given if tag not in person.tags]
        kept = [tag for tag in person.tags if tag not in given]
        after = [*person.tags, *added] if call.route.name == "add_tags" else kept
        effect = after != person.tags
        if effect:
            self._simulator.actions.edit_person(person, {"tags": after})
        return self._done(call.route.name, call, application, effect=effect)

    def _note(self, call: Call) -> Reply:
        application, body = self._begin(call, NOTE_FIELDS)
        if not isinstance(body.get("value"), str):
            raise Refusal(400, "value is required", rule="note_without_value")
        person = self._simulator.world.people[application.person]
        note = self._simulator.actions.add_note(
            person, str(body["value"]), application=application.number, user=call.actor
        )
        self._simulator.wrote("note", call, application=application)
        return Reply.of({"data": rows.note_row(note)}, 201)

    def _begin(self, call: Call, allowed: set[str]) -> tuple[Application, Body]:
        """The opportunity and the checked body, with the actor taken from `perform_as`."""
        if call.params - {"perform_as"}:
            raise Refusal(400, "Unknown parameter", rule="unknown_parameter")
        self._act_as(call)
        application = self._simulator.opportunity(call)
        body = call.json_object()
        unknown = sorted(set(body) - allowed)
        if unknown:
            raise Refusal(400, f"Unknown field: {unknown[0]}", rule="unknown_body_field")
        return application, body

    def _act_as(self, call: Call) -> None:
        if "perform_as" not in call.query:
            if self._simulator.perform_as_required:
                raise Refusal(400, "perform_as is required", rule="perform_as_missing")
            return
        number = rows.USER_IDS.number(call.query["perform_as"])
        if number not in self._simulator.world.users:
            raise Refusal(400, "perform_as is no user of this account")
        call.actor = number or 1

    def _done(self, kind: str, call: Call, application: Application, *, effect: bool) -> Reply:
        self._simulator.wrote(kind, call, application=application, effect=effect)
        return Reply.of({"data": self._simulator.rows.opportunity(application.number)})
