"""Workable's writes: each in a member's name, most answered with nothing but status 200."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connectors.simulator import workable_rows as rows
from connectors.simulator.messages import Call, Record, Reply, Route
from connectors.simulator.vendor import status_parts
from connectors.simulator.workable_actions import WorkableActions
from connectors.simulator.world import Application, Contact, Stage

ONE = "/spi/v3/candidates/{id}"
NOTE_LENGTH = 256
DISQUALIFY = {"disqualify_reason_id", "disqualify_note", "withdrew"}
MOVE = {"fill_reserved_requisition", "requisition"}
REQUISITION = {"code", "start_date", "salary"}
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
Handler = Callable[[Call, Application], Reply]


@dataclass(kw_only=True, eq=False)
class WorkableWrites(rows.WorkableRows):
    """Handlers of every write; each accepted one is recorded."""

    same_stage_refused: bool = False
    second_disqualify_refused: bool = False
    requisition_required: bool = False
    """Refuses to hire without a requisition, as hiring plans do."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.actions: WorkableActions = WorkableActions(
            self.world, origins=self.origins, seed=self.seed
        )

    def write_routes(self) -> list[Route]:
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
            *(self.write_route("POST", f"{ONE}/{n}", n, posts[n], self.application) for n in posts),
            self.write_route("PUT", f"{ONE}/tags", "tags", self._tags, self.application),
            self.write_route(
                "PATCH",
                f"{ONE}/update_custom_attribute_value",
                "custom_attribute",
                self._set_field,
                self.application,
            ),
            self.write_route("PATCH", ONE, "edit", self._edit_candidate, self.application),
        ]

    def _body_of(
        self, call: Call, allowed: Iterable[str] = (), *required: str, member: bool = True
    ) -> Record:
        """The checked body, with the member in whose name the write is made as the actor."""
        self.expect_json(call)
        member_id = call.json_object().get("member_id")
        if member_id is not None:
            user = self.user(member_id)
            if user is None:
                raise self.invalid("member_id is no member of this account")
            call.actor = user
        elif member:
            raise self.invalid("member_id is missing", "member_id_missing")
        return self.body(call, {*allowed, "member_id"}, *required)

    def _move(self, call: Call, candidate: Application) -> Reply:
        given = self._body_of(call, MOVE, "target_stage")
        stage = self._slug_stage(candidate.job, given["target_stage"])
        if stage.number == candidate.stage and self.same_stage_refused:
            raise self.invalid("The candidate is already in this stage")
        before = status_parts(candidate)
        if stage.kind == "hired":
            self._may_hire(candidate, given)
        self.enter(candidate, stage, user=call.actor)
        return self._done(call, candidate, effect=before != status_parts(candidate))

    def _slug_stage(self, job: int, slug: object) -> Stage:
        stages = self.world.stages_of(job)
        found = next((stage for stage in stages if rows.slug_of(stage) == slug), None)
        if found is None:
            by_name = self.world.stage_named(job, str(slug))
            rule = "target_stage_not_a_slug" if by_name is not None else None
            raise self.invalid("target_stage is no stage of this job", rule)
        return found

    def _may_hire(self, candidate: Application, given: Record) -> None:
        requisition = given.get("requisition", {"code": ""})
        if not isinstance(requisition, dict) or set(requisition) - REQUISITION:
            raise self.invalid("requisition has unknown fields", "unknown_body_field")
        if "code" not in requisition:
            raise self.invalid("requisition needs a code", "requisition_without_code")
        planned = {"fill_reserved_requisition", "requisition"} & set(given)
        if self.requisition_required and not planned:
            raise self.invalid("A requisition is required to hire")
        if candidate.state == "rejected":
            raise self.invalid("A disqualified candidate cannot be hired")

    def _disqualify(self, call: Call, candidate: Application) -> Reply:
        given = self._body_of(call, DISQUALIFY)
        if len(str(given.get("disqualify_note") or "")) > NOTE_LENGTH:
            raise self.invalid("disqualify_note is too long", "disqualify_note_too_long")
        if candidate.state == "rejected" and self.second_disqualify_refused:
            raise self.invalid("The candidate is already disqualified")
        before = status_parts(candidate)
        self._disqualify_as_asked(call, candidate, given)
        if given.get("disqualify_note"):
            self.remark(call, candidate, str(given["disqualify_note"]))
        return self._done(call, candidate, effect=before != status_parts(candidate))

    def _disqualify_as_asked(self, call: Call, candidate: Application, given: Record) -> None:
        world = self.world
        key = given.get("disqualify_reason_id")
        reason = self.reason(key)
        if key is not None and reason is None:
            raise self.invalid("disqualify_reason_id is no reason of this account")
        own = reason is not None and reason.kind == "withdrawn"
        withdrew = bool(given.get("withdrew", own))
        if reason is not None and withdrew != own:
            rule = "reason_contradicts_withdrew"
            raise self.invalid("The reason does not agree with withdrew", rule)
        expected = "withdrawn" if withdrew else "rejected"
        same = reason is None or candidate.reason == reason.number
        if candidate.state == "rejected" and same and world.status_of(candidate) == expected:
            return
        self.actions.disqualify(candidate, reason, withdrew=withdrew, user=call.actor)

    def _revert(self, call: Call, candidate: Application) -> Reply:
        self._body_of(call)
        effect = candidate.state == "rejected"
        if effect:
            self.actions.unreject(candidate, user=call.actor)
        return self._done(call, candidate, effect=effect)

    def _copy(self, call: Call, candidate: Application) -> Reply:
        """A second record in another job; relocating removes the first, so the id changes."""
        given = self._body_of(call, (), "target_job_shortcode", "target_stage")
        job = self.job(given["target_job_shortcode"])
        stage = self._slug_stage(job.number, given["target_stage"])
        world, actions = self.world, self.actions
        copy = actions.apply(world.people[candidate.person], job, stage=stage)
        self.wrote(call, candidate)
        if call.route.name == "relocate":
            actions.delete_application(candidate, user=call.actor)
        key = rows.CANDIDATE_IDS.text(copy.number)
        url = f"https://{rows.SUBDOMAIN}.example.com/backend/candidates/{key}"
        return Reply.of({"candidate": {"id": key, "url": url}})

    def _comment(self, call: Call, candidate: Application) -> Reply:
        comment = self._body_of(call, (), "comment")["comment"]
        if not isinstance(comment, dict) or not isinstance(comment.get("body"), str):
            raise self.invalid("comment must be an object with a body", "comment_shape")
        note = self.note(call, candidate, comment["body"])
        return Reply.of({"id": rows.NOTE_IDS.text(note.number)})

    def _rate(self, call: Call, candidate: Application) -> Reply:
        given = self._body_of(call, {"comment"}, "scale", "grade")
        highest = SCALES.get(str(given["scale"]))
        grade = given["grade"]
        if highest is None or not isinstance(grade, int) or not 0 <= grade <= highest:
            raise self.invalid("scale or grade is not valid", "grade_out_of_bounds")
        return self._done(call, candidate, effect=True)

    def _tags(self, call: Call, candidate: Application) -> Reply:
        """Replaces all tags by those that are sent."""
        tags = self.texts(self._body_of(call, (), "tags", member=False)["tags"])
        self.edit(call, candidate, {"tags": list(dict.fromkeys(tags))})
        return Reply.of({"tags": self.person_of(candidate).tags})

    def _set_field(self, call: Call, candidate: Application) -> Reply:
        given = self._body_of(call, VALUES, "custom_attribute_key", member=False)
        name = rows.field_named(given["custom_attribute_key"])
        if name is None:
            raise self.not_found("custom attribute")
        kinds = sorted(VALUES & set(given))
        if len(kinds) != 1:
            raise self.invalid("Exactly one kind of value is needed", "value_kind_unclear")
        self.edit(call, candidate, {"custom_fields": {name: given[kinds[0]]}})
        return Reply(200)

    def _edit_candidate(self, call: Call, candidate: Application) -> Reply:
        changes = self._body_of(call, (), "candidate", member=False)["candidate"]
        if not isinstance(changes, dict) or set(changes) - set(EDITS):
            raise self.invalid("candidate has unknown fields", "unknown_body_field")
        edits = {EDITS[name]: _as_kept(name, value) for name, value in changes.items()}
        self.edit(call, candidate, edits)
        return Reply.of({"candidate": self.detail(candidate)})

    def _done(self, call: Call, candidate: Application, *, effect: bool) -> Reply:
        self.wrote(call, candidate, effect=effect)
        return Reply(200)


def _as_kept(name: str, value: object) -> object:
    if name in {"email", "phone", "address"}:
        return [Contact(str(value), "other")] if value else []
    return value
