"""Mappings of a vendor's records to candidates and applications, and of its stages to statuses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import InitErrorDetails

from config.values import ConfigModel, Filled, issue_at, reject
from connectors.definition.paths import JmesPath
from connectors.definition.sources import Constant, Contacts, Fields, Files, Text
from models.status import ApplicationStatus

NOTHING = Constant(None)
Names = Annotated[list[Filled], Field(min_length=1)]


def _unset(description: str, example: object) -> object:
    return Field(default=None, description=description, examples=[example])


class CandidateMapping(ConfigModel):
    """The sources of a candidate's fields."""

    external_id: Text = Field(description="The candidate's id.", examples=["id"])
    first_name: Text = _unset("First name.", "first_name")
    last_name: Text = _unset("Last name.", {"split_name": "name", "part": "last"})
    emails: Contacts = _unset("E-mail addresses.", "email_addresses")
    phones: Contacts = _unset("Phone numbers.", {"each": "phones", "value": "number"})
    addresses: Contacts = _unset("Postal addresses.", "address")
    company: Text = _unset("Present employer.", "company")
    title: Text = _unset("Present title.", "headline")
    links: Contacts = _unset("Web addresses.", {"each": "links", "value": "@"})
    tags: Text = _unset("Tags, as texts.", "tags[].title")
    source: Text = _unset("Where the candidate came from.", "source.title")
    custom_fields: Fields = _unset(
        "The vendor's own fields.", {"each": "customFields", "key": "title", "value": "value"}
    )
    attachments: Files = _unset(
        "Files.", {"each": "files", "external_id": "id", "name": "name", "url": "url"}
    )
    is_private: Text = _unset("Whether the candidate is confidential.", "private")
    external_created_at: Text = _unset("When the record was made.", "created_at")
    external_updated_at: Text = _unset("When it last changed.", "updated_at")


class JobMapping(ConfigModel):
    """The sources of an application's job."""

    external_id: Text = _unset("The job's id.", "job.id")
    name: Text = _unset("The job's name.", "job.title")


class StageMapping(ConfigModel):
    """The sources of an application's stage."""

    external_id: Text = _unset("The stage's id.", "stage.id")
    name: Text = _unset("The stage's name.", "stage.name")
    kind: Text = _unset("The vendor's own kind or type of stage.", "stage.type")


class ApplicationMapping(ConfigModel):
    """The sources of an application's fields."""

    each: JmesPath | None = Field(
        default=None,
        description="Where the record keeps its applications, if it is a candidate with several. "
        "Paths then start at one of them, and `record` is the whole.",
        examples=["[primaryAssignment, secondaryAssignments][]"],
    )
    external_id: Text = Field(description="The application's id.", examples=["id"])
    candidate_external_id: Text = Field(
        description="The candidate's id.", examples=["candidate_id"]
    )
    job: JobMapping = Field(
        default_factory=JobMapping, description="The job.", examples=[{"external_id": "job_id"}]
    )
    stage: StageMapping = Field(
        default_factory=StageMapping, description="The stage.", examples=[{"name": "stage.name"}]
    )
    rejection_reason: Text = _unset("The reason of a rejection.", "joined.reason.name")
    source: Text = _unset("Where the application came from.", "source.name")
    custom_fields: Fields = _unset("The vendor's own fields.", "custom_fields")
    applied_at: Text = _unset("When it was made.", "created_at")
    rejected_at: Text = _unset("When it was rejected.", "rejected_at")
    hired_at: Text = _unset("When it ended in a hire.", "hired_at")
    external_updated_at: Text = _unset("When it last changed.", "updated_at")


class Outcome(ConfigModel):
    """A condition that settles the status, whatever the stage."""

    when: JmesPath = Field(
        description="A condition on the record.", examples=["status == 'rejected'"]
    )
    status: ApplicationStatus = Field(description="The status then.", examples=["rejected"])


class Statuses(ConfigModel):
    """Rules that map stages to canonical statuses. Read in this order, the first that fits decides:
    outcomes, the integration's `statuses`, kinds, names, coarse kinds. What none of them knows is imported as
    `reviewing` and counted as unmapped.
    """

    outcomes: list[Outcome] = Field(
        default_factory=list,
        description="Conditions for ends that are no stages: rejected, withdrawn, hired.",
        examples=[[{"when": "archived", "status": "rejected"}]],
    )
    kinds: dict[Filled, ApplicationStatus] = Field(
        default_factory=dict,
        description="The vendor's kinds of stages.",
        examples=[{"Offer": "offer", "Hired": "hired"}],
    )
    coarse_kinds: dict[Filled, ApplicationStatus] = Field(
        default_factory=dict,
        description="Kinds that say little; they count only where no name is known.",
        examples=[{"IN_REVIEW": "reviewing"}],
    )
    names: dict[ApplicationStatus, Names] = Field(
        default_factory=dict,
        description="Usual names of stages, whatever the case.",
        examples=[{"screening": ["Phone screen"]}],
    )
    names_close: bool = Field(
        default=True,
        description="`false`: no usual name means that an application has ended. Where the vendor "
        "itself tells that, a name of the account's own must not decide it.",
        examples=[False],
    )
    reasons: dict[Literal["rejected", "withdrawn"], Names] = Field(
        default_factory=dict,
        description="Usual names of rejection reasons that tell rejected from withdrawn.",
        examples=[{"withdrawn": ["Withdrew"]}],
    )

    @model_validator(mode="after")
    def _no_name_twice(self) -> "Statuses":
        reject(
            [
                *_repeated(self.names, "names", "stage"),
                *_repeated(self.reasons, "reasons", "reason"),
            ]
        )
        return self


def _repeated(names: object, part: str, what: str) -> list[InitErrorDetails]:
    first: dict[str, tuple[str, str, int]] = {}
    issues = []
    for status, each in dict(names).items():  # type: ignore[call-overload]  # one of two mappings
        for at, name in enumerate(each):
            location = (part, str(getattr(status, "value", status)), at)
            earlier = first.setdefault(name.casefold(), location)
            if earlier != location:
                issues.append(issue_at(location, f'{what} "{name}" is listed twice', also=earlier))
    return issues
