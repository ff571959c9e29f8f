"""Workable's writes: each in a member's name, most answered with nothing but status 200."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from connectors.simulator import workable_rows as rows
from connectors.simulator.messages import Call, Refusal, Reply, Route
from connectors.simulator.truth import Record
from connectors.simulator.world import Application, Contact, Stage

if TYPE_CHECKING:
    from connectors.simulator.workable import Workable

ONE = "/spi/v3/candidates/{id}"
NOTE_LENGTH = 256
DISQUALIFY = {"disqualify_reason_id", "disqualify_note", "withdrew"}
MOVE = {"fill_reserved_requisition", "requisition"}
VALUES = {"checked", "value", "date", "choices", "file", "file_url"}
SCALES = {"thumbs": 2, "stars": 4, "numbers": 9}
EDITS = {
    "firstname": "first_name",
    "lastname": "last_name",
    "headline": "title",
    "email": "emails",
    "phone": "phones",
    "address": "addresses",
    "tags": "tags",
}
Handler = Callable[[Call], Reply]


class WorkableWrites:
    """Handlers of every write; each accepted one is recorded by the simulator."""

    def __init__(self, simulator: "Workable") -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The write endpoints."""
        posts: dict[str, Handler] = {
            "move": self._move,
            "disqualify": self._disqualify,
            "revert": self._revert,
            "copy": self._copy,
            "relocate": self._copy,
            "comments": self._comment,
            "ratings": self._rate,
        }
        return [
            *(Route("POST", f"{ONE}/{n}", "write", n, handler) for n, handler in posts.items()),
            Route("PUT", f"{ONE}/tags", "write", "tags", self._tags),
            Route(
                "PATCH",
                f"{ONE}/update_custom_attribute_value",
                "write",
                "custom_attribute",
                self._set_field,
            ),
            Route("PATCH", ONE, "write", "edit", self._edit),
        ]

    def _body(self, call: Call, allowed: set[str], *required: str, member: bool = True) -> Record:
        if not call.headers.get("Content-Type", "").startswith("application/json"):
            raise Refusal(422, "The body must be JSON", rule="content_type_wrong")
        given = call.json_object()
        self._act_as(call, given, needed=member)
        unknown = sorted(set(given) - allowed - set(required) - {"member_id"})
        if unknown:
            raise Refusal(422, f"{unknown[0]} is unknown", rule="unknown_body_field")
        missing = [name for name in required if given.get(name) is None]
        if missing:
            raise Refusal(422, f"{missing[0]} is missing", rule="parameter_missing")
        return given

    def _act_as(self, call: Call, given: Record, *, needed: bool) -> None:
        key = given.get("member_id")
        if key is None:
            if needed:
                raise Refusal(422, "member_id is missing", rule="member_id_missing")
            return
        number = rows.MEMBER_IDS.number(key)
        if number is None or number not in self._simulator.world.users:
            raise Refusal(422, "member_id is no member of this account")
        call.actor = number

    def _move(self, call: Call) -> Reply:
        candidate = self._simulator.candidate(call)
        given = self._body(call, MOVE, "target_stage")
        stage = self._stage(candidate.job, given["target_stage"])
        if stage.number == candidate.stage and self._simulator.same_stage_refused:
            raise Refusal(422, "The candidate is already in this stage")
        before = (candidate.stage, candidate.state)
        if stage.kind == "hired":
            self._hire(call, candidate, given)
        elif candidate.state == "hired":
            self._simulator.actions.unreject(candidate, stage=stage, user=call.actor)
        elif stage.number != candidate.stage:
            self._simulator.actions.move(candidate, stage, user=call.actor)
        return self._done(call, candidate, effect=before != (candidate.stage, candidate.state))

    def _stage(self, job: int, slug: object) -> Stage:
        stages = self._simulator.world.stages_of(job)
        found = next((stage for stage in stages if rows.slug_of(stage) == slug), None)
        if found is None:
            by_name = self._simulator.world.stage_named(job, str(slug))
            rule = "target_stage_not_a_slug" if by_name is not None else None
            raise Refusal(422, "target_stage is no stage of this job", rule=rule)
        return found

    def _hire(self, call: Call, candidate: Application, given: Record) -> None:
        planned = {"fill_reserved_requisition", "requisition"} & set(given)
        if self._simulator.requisition_required and not planned:
            raise Refusal(422, "A requisition is required to hire")
        if candidate.state == "rejected":
            raise Refusal(422, "A disqualified candidate cannot be hired")
        if candidate.state != "hired":
            self._simulator.actions.hire(candidate, user=call.actor)

    def _disqualify(self, call: Call) -> Reply:
        candidate = self._simulator.candidate(call)
        given = self._body(call, DISQUALIFY)
        if len(str(given.get("disqualify_note") or "")) > NOTE_LENGTH:
            raise Refusal(422, "disqualify_note is too long", rule="disqualify_note_too_long")
        if candidate.state == "rejected" and self._simulator.second_disqualify_refused:
            raise Refusal(422, "The candidate is already disqualified")
        before = (candidate.state, candidate.reason)
        self._turn_down(call, candidate, given)
        return self._done(call, candidate, effect=before != (candidate.state, candidate.reason))

    def _turn_down(self, call: Call, candidate: Application, given: Record) -> None:
        world = self._simulator.world
        key = given.get("disqualify_reason_id")
        reason = world.reasons.get(rows.REASON_IDS.number(key) or 0)
        if key is not None and reason is None:
            raise Refusal(422, "disqualify_reason_id is no reason of this account")
        own = reason is not None and reason.kind == "withdrawn"
        withdrew = bool(given.get("withdrew", own))
        if reason is not None and withdrew != own:
            rule = "reason_contradicts_withdrew"
            raise Refusal(422, "The reason does not agree with withdrew", rule=rule)
        expected = "withdrawn" if withdrew else "rejected"
        same = reason is None or candidate.reason == reason.number
        if candidate.state == "rejected" and same and world.status_of(candidate) == expected:
            return
        self._simulator.workable_actions.disqualify(
            candidate, reason, withdrew=withdrew, user=call.actor
        )

    def _revert(self, call: Call) -> Reply:
        candidate = self._simulator.candidate(call)
        self._body(call, set())
        effect = candidate.state == "rejected"
        if effect:
            self._simulator.actions.unreject(candidate, user=call.actor)
        return self._done(call, candidate, effect=effect)

    def _copy(self, call: Call) -> Reply:
        """A second record in another job; relocating removes the first, so the id changes."""
        candidate = self._simulator.candidate(call)
        given = self._body(call, set(), "target_job_shortcode", "target_stage")
        job = self._simulator.job_number(given["target_job_shortcode"])
        stage = self._stage(job, given["target_stage"])
        world, actions = self._simulator.world, self._simulator.actions
        copy = actions.apply(world.people[candidate.person], world.jobs[job], stage=stage)
        self._simulator.wrote(call.route.name, call, application=candidate)
        if call.route.name == "relocate":
            actions.delete_application(candidate, user=call.actor)
        key = rows.CANDIDATE_IDS.text(copy.number)
        url = f"https://{rows.SUBDOMAIN}.example.com/backend/candidates/{key}"
        return Reply.of({"candidate": {"id": key, "url": url}})

    def _comment(self, call: Call) -> Reply:
        candidate = self._simulator.candidate(call)
        comment = self._body(call, set(), "comment")["comment"]
        if not isinstance(comment, dict) or not isinstance(comment.get("body"), str):
            raise Refusal(422, "comment must be an object with a body", rule="comment_shape")
        person = self._simulator.world.people[candidate.person]
        note = self._simulator.actions.add_note(
            person, comment["body"], application=candidate.number, user=call.actor
        )
        self._simulator.wrote(call.route.name, call, application=candidate)
        return Reply.of({"id": rows.NOTE_IDS.text(note.number)})

    def _rate(self, call: Call) -> Reply:
        candidate = self._simulator.candidate(call)
        given = self._body(call, {"comment"}, "scale", "grade")
        highest = SCALES.get(str(given["scale"]))
        grade = given["grade"]
        if highest is None or not isinstance(grade, int) or not 0 <= grade <= highest:
            raise Refusal(422, "scale or grade is not valid", rule="grade_out_of_bounds")
        return self._done(call, candidate, effect=True)

    def _tags(self, call: Call) -> Reply:
        """What is sent replaces all tags."""
        candidate = self._simulator.candidate(call)
        tags = self._body(call, set(), "tags", member=False)["tags"]
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise Refusal(422, "tags must be a list of texts", rule="tags_not_a_list")
        self._change(call, candidate, {"tags": list(dict.fromkeys(tags))})
        return Reply.of({"tags": self._simulator.world.people[candidate.person].tags})

    def _set_field(self, call: Call) -> Reply:
        candidate = self._simulator.candidate(call)
        given = self._body(call, VALUES, "custom_attribute_key", member=False)
        name = rows.field_named(given["custom_attribute_key"])
        if name is None:
            raise Refusal(404, "Not found")
        kinds = sorted(VALUES & set(given))
        if len(kinds) != 1:
            raise Refusal(422, "Exactly one kind of value is needed", rule="value_kind_unclear")
        person = self._simulator.world.people[candidate.person]
        effect = person.custom_fields.get(name) != given[kinds[0]]
        if effect:
            changes = {name: given[kinds[0]]}
            self._simulator.actions.edit_person(person, {"custom_fields": changes})
        return self._done(call, candidate, effect=effect)

    def _edit(self, call: Call) -> Reply:
        candidate = self._simulator.candidate(call)
        changes = self._body(call, set(), "candidate", member=False)["candidate"]
        if not isinstance(changes, dict) or set(changes) - set(EDITS):
            raise Refusal(422, "candidate has unknown fields", rule="unknown_body_field")
        self._change(call, candidate, {EDITS[n]: _as_kept(n, v) for n, v in changes.items()})
        return Reply.of({"candidate": self._simulator.detail(candidate)})

    def _change(self, call: Call, candidate: Application, changes: Record) -> None:
        person = self._simulator.world.people[candidate.person]
        effect = any(getattr(person, name) != value for name, value in changes.items())
        if effect:
            self._simulator.actions.edit_person(person, changes)
        self._simulator.wrote(call.route.name, call, application=candidate, effect=effect)

    def _done(self, call: Call, candidate: Application, *, effect: bool) -> Reply:
        self._simulator.wrote(call.route.name, call, application=candidate, effect=effect)
        return Reply(200)


def _as_kept(name: str, value: object) -> object:
    if name in {"email", "phone", "address"}:
        return [Contact(str(value), "other")] if value else []
    return value
