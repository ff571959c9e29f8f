"""Mappings of a vendor's records to candidates and applications, and of its stages to statuses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import InitErrorDetails

from config.values import ConfigModel, Filled, issue_at, optional_key, reject, switch
from connectors.definition.paths import JmesPath
from connectors.definition.sources import Constant, Contacts, Fields, Files, Text
from models.status import ApplicationStatus

NOTHING = Constant(None)
Names = Annotated[list[Filled], Field(min_length=1)]


class CandidateMapping(ConfigModel):
    """The sources of a candidate's fields."""

    external_id: Text = Field(description="The candidate's id.", examples=["id"])
    first_name: Text = optional_key("First name.", "first_name")
    last_name: Text = optional_key("Last name.", {"split_name": "name", "part": "last"})
    emails: Contacts = optional_key("E-mail addresses.", "email_addresses")
    phones: Contacts = optional_key("Phone numbers.", {"each": "phones", "value": "number"})
    addresses: Contacts = optional_key("Postal addresses.", "address")
    company: Text = optional_key("Present employer.", "company")
    title: Text = optional_key("Present title.", "headline")
    links: Contacts = optional_key("Web addresses.", {"each": "links", "value": "@"})
    tags: Text = optional_key("Tags, as texts.", "tags[].title")
    source: Text = optional_key("Where the candidate came from.", "source.title")
    custom_fields: Fields = optional_key(
        "The vendor's own fields.", {"each": "customFields", "key": "title", "value": "value"}
    )
    attachments: Files = optional_key(
        "Files.", {"each": "files", "external_id": "id", "name": "name", "url": "url"}
    )
    is_private: Text = optional_key("Whether the candidate is confidential.", "private")
    external_created_at: Text = optional_key("When the record was made.", "created_at")
    external_updated_at: Text = optional_key("When it last changed.", "updated_at")


class JobMapping(ConfigModel):
    """The sources of an application's job."""

    external_id: Text = optional_key("The job's id.", "job.id")
    name: Text = optional_key("The job's name.", "job.title")


class StageMapping(ConfigModel):
    """The sources of an application's stage."""

    external_id: Text = optional_key("The stage's id.", "stage.id")
    name: Text = optional_key("The stage's name.", "stage.name")
    kind: Text = optional_key("The vendor's own kind or type of stage.", "stage.type")


class ApplicationMapping(ConfigModel):
    """The sources of an application's fields."""

    each: JmesPath | None = optional_key(
        "Where the record keeps its applications, if it is a candidate with several. "
        "Paths then start at one of them, and `record` is the whole.",
        "[primaryAssignment, secondaryAssignments][]",
    )
    external_id: Text = Field(description="The application's id.", examples=["id"])
    candidate_external_id: Text = Field(
        description="The candidate's id.", examples=["candidate_id"]
    )
    job: JobMapping = optional_key("The job.", {"external_id": "job_id"}, make=JobMapping)
    stage: StageMapping = optional_key("The stage.", {"name": "stage.name"}, make=StageMapping)
    rejection_reason: Text = optional_key("The reason of a rejection.", "joined.reason.name")
    source: Text = optional_key("Where the application came from.", "source.name")
    custom_fields: Fields = optional_key("The vendor's own fields.", "custom_fields")
    applied_at: Text = optional_key("When it was made.", "created_at")
    rejected_at: Text = optional_key("When it was rejected.", "rejected_at")
    hired_at: Text = optional_key("When it ended in a hire.", "hired_at")
    external_updated_at: Text = optional_key("When it last changed.", "updated_at")


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

    outcomes: list[Outcome] = optional_key(
        "Conditions for ends that are no stages: rejected, withdrawn, hired.",
        [{"when": "archived", "status": "rejected"}],
        make=list,
    )
    kinds: dict[Filled, ApplicationStatus] = optional_key(
        "The vendor's kinds of stages.", {"Offer": "offer", "Hired": "hired"}, make=dict
    )
    coarse_kinds: dict[Filled, ApplicationStatus] = optional_key(
        "Kinds that say little; they count only where no name is known.",
        {"IN_REVIEW": "reviewing"},
        make=dict,
    )
    names: dict[ApplicationStatus, Names] = optional_key(
        "Usual names of stages, whatever the case.", {"screening": ["Phone screen"]}, make=dict
    )
    names_close: bool = switch(
        "`false`: no usual name means that an application has ended. Where the vendor "
        "itself says that, a name of the account's own must not decide it.",
        default=True,
        example=False,
    )
    reasons: dict[Literal["rejected", "withdrawn"], Names] = optional_key(
        "Usual names of rejection reasons by which rejected and withdrawn are distinguished.",
        {"withdrawn": ["Withdrew"]},
        make=dict,
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
