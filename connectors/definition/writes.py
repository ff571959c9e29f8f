"""The status changes that can be written to a vendor."""

from typing import Literal

from pydantic import Field

from config.values import ConfigModel, Filled, optional_key, switch
from connectors.definition.paths import JmesPath
from connectors.definition.requests import Request
from connectors.definition.sources import Text
from models.status import ApplicationStatus

Operation = Literal["move", "reject", "unreject", "hire", "withdraw"]
State = Literal["open", "rejected", "withdrawn", "hired"]

STAGE_NAMES = frozenset({"stage_id", "stage_name", "stage_slug", "stage_kind"})
REASON_NAMES = frozenset({"reason_id", "reason_name"})
"""The placeholders of a write that hold the stage, or the reason, that it sends."""
SHOWN_BY = optional_key(
    "A condition on the answer's JSON body that shows that the write took effect. "
    "Without it an empty body shows it, and JSON that reports no error. 204 always does. Where "
    "an answer does not show it, the outcome is unknown.",
    "data.id",
)


class FixedStage(ConfigModel):
    """A stage that every account of the vendor has and no list shows."""

    name: Filled = Field(description="Its name.", examples=["INTERVIEW"])
    id: Filled | None = optional_key("Its id.", "interview")
    kind: Filled | None = optional_key("Its kind.", "INTERVIEW")


ListNames = tuple[Filled, ...]
FixedStages = tuple[FixedStage, ...]


class Stages(ConfigModel):
    """The list of an account's stages, for pushes and for coverage."""

    list: Filled | None = optional_key("The list that holds them.", "stages")
    each: JmesPath | None = optional_key(
        "Where a record of that list keeps its stages, if it is a pipeline with "
        "several. Paths then start at one of them, and `record` is the whole.",
        "steps",
    )
    fixed: FixedStages = optional_key(
        "Stages that the vendor fixes, besides or instead of a list.",
        [{"name": "NEW", "kind": "NEW"}],
        default=(),
    )
    unlisted: Filled | None = optional_key(
        "Where the vendor lists no stages: a regular expression that their ids match as "
        "a whole. The stages are then the ids that the integration's `statuses` names.",
        "[CD][0-9]+",
    )
    prefer_fixed: bool = switch(
        "`true`: a push goes to the fixed stage of the same kind, even where a listed "
        "one says more. A listed stage is entered only if the integration's `statuses`, or the "
        "change itself, names it: for vendors where the job decides which listed stages there are."
    )
    external_id: Text = optional_key("A stage's id.", "id", default="id")
    name: Text = optional_key("Its name.", "text", default="name")
    kind: Text = optional_key("Its kind.", "type")
    kinds_from: ListNames = optional_key(
        "Lookup lists that show the kinds of stages where their own list does not: "
        "their records have a stage's `id` and its `kind`.",
        ["hired_statuses"],
        default=(),
    )
    slug: Text = optional_key("The value of `{stage_slug}`; nothing for fixed stages.", "slug")
    position: Text = optional_key("Its position in the pipeline.", "sort_order")
    active: JmesPath | None = optional_key(
        "What holds for a stage in use; others are never chosen for a write. Without it "
        "the usual fields decide: `active`, `enabled`, `archived`, `status`, and the like.",
        "enabled",
    )
    scope: Text = optional_key(
        "The job or plan that a stage belongs to, where stages are not account-wide.", "job_id"
    )
    application_scope: JmesPath | None = optional_key(
        "Where an application's record has that job or plan. A list whose request "
        "holds `{scope}` is loaded for each.",
        "job_id",
    )
    scopes: Filled | None = optional_key(
        "The list whose ids are all scopes, to show every stage of the account.", "jobs"
    )


class Reasons(ConfigModel):
    """The list of an account's rejection reasons."""

    list: Filled = Field(description="The list that holds them.", examples=["rejection_reasons"])
    more: ListNames = optional_key(
        "Further lists of the same form.", ["withdrawal_reasons"], default=()
    )
    external_id: Text = optional_key("A reason's id.", "id", default="id")
    name: Text = optional_key("Its name.", "text", default="name")
    status: Text = optional_key(
        "The status that it means: rejected, withdrawn or hired.",
        {"map": "type", "values": {"hired": "hired"}, "otherwise": "rejected"},
    )
    active: JmesPath | None = optional_key(
        "What holds for a reason in use; others are never chosen for a write. Without it "
        "the usual fields decide: `active`, `enabled`, `archived`, `status`, and the like.",
        "!isArchived",
    )


class Choice(ConfigModel):
    """A placeholder's value, chosen from a lookup list."""

    list: Filled = Field(description="The list.", examples=["openings"])
    where: dict[Filled, str] = Field(
        description="What the record must hold, by path; values may hold placeholders.",
        examples=[{"job_id": "{job_id}", "status": "open"}],
    )
    scope: str | None = optional_key(
        "The value of `{scope}` in the list's request; the list is then read each time.",
        "{candidate_id}",
    )
    take: JmesPath = optional_key("What is taken from it.", "id", default="id")
    required: bool = switch("Whether the write is impossible when nothing is found.")


class Write(ConfigModel):
    """One request that changes an application's status.

    Placeholders: application_id, candidate_id, job_id, stage_id, stage_name, stage_slug,
    stage_kind, reason_id, reason_name, guard, acting_user, now, today, `options.…`, and those of `choose`.
    `note` is the integration's `push.note`, where this request takes it; `email_template` and `email_at`, in
    `reject` alone, are its `push.rejection_email`. An entry without a value is left out.
    """

    request: Request = Field(
        description="The request.", examples=[{"post": "/applications/{application_id}/move"}]
    )
    shown_by: JmesPath | None = SHOWN_BY
    guard: list[JmesPath] = optional_key(
        "Paths to the value of `{guard}` in the application's record: "
        "when the vendor refuses the first value, the next one is tried.",
        ["stage_id"],
        make=list,
    )
    allowed_from: list[State] = optional_key(
        "From which states the vendor accepts this write.", ["open", "rejected"], default=["open"]
    )
    needs_reason: bool = switch(
        "Whether the vendor demands a reason; without it, a reason is sent if known."
    )
    choose: dict[Filled, Choice] = optional_key(
        "More placeholders, chosen from lookup lists.",
        {"opening_id": {"list": "openings", "where": {"job_id": "{job_id}"}}},
        make=dict,
    )
    arrives_at: Filled | None = optional_key(
        "The stage (name and id) that the application shows afterwards, where it is "
        "neither the one that was sent nor the one before.",
        "REJECTED",
    )
    repeatable: bool = switch("Whether sending it twice has the effect of sending it once.")


class NoteWrite(ConfigModel):
    """The request that writes a note on an application.

    Placeholders: `note` is the text; application_id, candidate_id, job_id, acting_user, now, today, `options.…`.
    """

    request: Request = Field(
        description="The request.",
        examples=[{"post": "/applications/{application_id}/notes", "body": {"text": "{note}"}}],
    )
    shown_by: JmesPath | None = optional_key(
        "As in the writes: a condition on the answer that shows that it took effect.", "id"
    )
    needs_user: bool = switch("Whether the vendor demands the user who writes it (`acting_user`).")


class HiredField(ConfigModel):
    """A value that the vendor takes with `hired`, from ClearView's application."""

    description: Filled = Field(description="What it is.", examples=["First day at work"])
    path: JmesPath | None = optional_key(
        "Where ClearView's application has it, unless the integration's `push.hired` says "
        "otherwise. `hired_at` always has a value: that of the status change where ClearView has none.",
        "hired_at",
    )
    required: bool = switch(
        "Whether nothing is sent without it. One that `push.hired` names is always needed."
    )


class ReadBack(ConfigModel):
    """The read of one application as it is now."""

    list: Filled = Field(
        description="The list by whose `fetch` it is read.", examples=["applications"]
    )
    by: Literal["application_id", "candidate_id"] = optional_key(
        "Which id that list's records have.", "application_id", default="application_id"
    )


class Writes(ConfigModel):
    """The requests of status changes. A missing one is not possible."""

    read: ReadBack | None = optional_key(
        "How an application is read before and after a write.", {"list": "applications"}
    )
    stages: Stages | None = optional_key("The account's stages.", {"list": "stages"})
    reasons: Reasons | None = optional_key(
        "The account's rejection reasons.", {"list": "rejection_reasons"}
    )
    move: Write | None = optional_key(
        "To another stage.", {"request": {"post": "/applications/{application_id}/move"}}
    )
    reject: Write | None = optional_key(
        "Reject.", {"request": {"post": "/applications/{application_id}/reject"}}
    )
    withdraw: Write | None = optional_key(
        "The candidate withdrew; without it, `reject` with a fitting reason is used.",
        {"request": {"post": "/applications/{application_id}/withdraw"}},
    )
    unreject: Write | None = optional_key(
        "Back to where it was before the rejection; without it, `move` is used where "
        "its `allowed_from` says so.",
        {"request": {"post": "/applications/{application_id}/unreject"}},
    )
    hire: Write | None = optional_key(
        "Hire.", {"request": {"post": "/applications/{application_id}/hire"}}
    )

    hired_fields: dict[Filled, HiredField] = optional_key(
        "More placeholders of `hire`, whose values ClearView's application has. `{name:date}` and "
        "`{name:time}` write a moment as the vendor wants it.",
        {"start_date": {"description": "First day at work", "path": "hired_at"}},
        make=dict,
    )
    note: NoteWrite | None = optional_key(
        "A note on an application, for writes that take none of their own.",
        {"request": {"post": "/notes", "body": {"text": "{note}"}}},
    )

    def operations(self) -> dict[str, Write]:
        """The writes that there are, by name."""
        names = ("move", "reject", "withdraw", "unreject", "hire")
        return {name: write for name in names if (write := getattr(self, name)) is not None}

    @property
    def takes_email(self) -> bool:
        """True if a rejection can be sent with an e-mail to the candidate."""
        return self.reject is not None and "email_template" in self.reject.request.placeholders

    def operation_for(self, status: ApplicationStatus) -> tuple[Operation, Write] | None:
        """Returns the write that brings an application to a status, unless it has to be reopened only."""
        return next(
            ((n, write) for n in operations_for(status) if (write := getattr(self, n)) is not None),
            None,
        )

    def carries_note(self, status: ApplicationStatus) -> bool:
        """True if the write to this status has the note in its own request."""
        found = self.operation_for(status)
        return found is not None and "note" in found[1].request.placeholders


def operations_for(status: ApplicationStatus) -> tuple[Operation, ...]:
    """Returns the writes that lead to a status, the best first."""
    match status:
        case ApplicationStatus.HIRED:
            return ("hire",)
        case ApplicationStatus.WITHDRAWN:
            return ("withdraw", "reject")
        case ApplicationStatus.REJECTED:
            return ("reject",)
        case _:
            return ("move",)
