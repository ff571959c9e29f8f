"""Budgets that a vendor grants, and what its refusals mean."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import ConfigModel, Duration, Filled, Share, at_most, between
from connectors.definition.paths import JmesPath

Positive = Annotated[int, Field(ge=1)]
Scope = list[Filled]
_ONLY = (
    "Restricts the limit to these lists; `writes` and `token` stand for all writes and for token "
    "requests. Without it, everything but token requests counts."
)


class WindowLimit(ConfigModel):
    """A number of requests in each window of time."""

    kind: Literal["window"] = Field(description="A window.", examples=["window"])
    requests: Positive = Field(description="Requests in one window.", examples=[50])
    per: Annotated[Duration, between("100ms", "24h")] = Field(
        description="The window's length.", examples=["10s"]
    )
    only: Scope = Field(default_factory=list, description=_ONLY, examples=[["candidates"]])
    limit_header: Filled | None = Field(
        default=None,
        description="The header with the true number of requests per window.",
        examples=["X-RateLimit-Limit"],
    )
    remaining_header: Filled | None = Field(
        default=None,
        description="The header with what is left of this window.",
        examples=["X-RateLimit-Remaining"],
    )
    reset_header: Filled | None = Field(
        default=None,
        description="The header that tells when the window ends.",
        examples=["X-RateLimit-Reset"],
    )
    reset_as: Literal["epoch_s", "epoch_ms", "seconds_left"] = Field(
        default="epoch_s", description="How that header tells it.", examples=["seconds_left"]
    )


class BucketLimit(ConfigModel):
    """A token bucket: a steady rate, and a burst."""

    kind: Literal["bucket"] = Field(description="A token bucket.", examples=["bucket"])
    requests: Positive = Field(description="Requests per `per`.", examples=[10])
    per: Annotated[Duration, between("100ms", "24h")] = Field(
        description="The time in which that many are granted.", examples=["1s"]
    )
    burst: Positive = Field(description="Requests that may go at once.", examples=[20])
    only: Scope = Field(default_factory=list, description=_ONLY, examples=[["writes"]])


class ConcurrencyLimit(ConfigModel):
    """A number of requests under way at once."""

    kind: Literal["concurrency"] = Field(description="Concurrency.", examples=["concurrency"])
    at_once: Positive = Field(description="Requests at once.", examples=[8])
    only: Scope = Field(default_factory=list, description=_ONLY, examples=[["candidates"]])


Limit = Annotated[WindowLimit | BucketLimit | ConcurrencyLimit, Field(discriminator="kind")]


class Limits(ConfigModel):
    """The limits of one credential; all integrations with that credential share them."""

    budgets: list[Limit] = Field(
        default_factory=list,
        description="The limits; a request waits until all that concern it have room.",
        examples=[[{"kind": "window", "requests": 50, "per": "10s"}]],
    )
    retry_after_header: Filled = Field(
        default="Retry-After",
        description="The header that says how long to wait: seconds, or a date.",
        examples=["Retry-After"],
    )
    pause: Annotated[Duration, between("100ms", "10m")] = Field(
        default="10s",  # type: ignore[assignment]  # validated: defaults are read like the file
        description="How long to wait after a refusal that does not say.",
        examples=["10s"],
    )
    longest_pause: Annotated[Duration, between("1s", "1h")] = Field(
        default="5m",  # type: ignore[assignment]
        description="A vendor that asks for more than this is asked again after this.",
        examples=["5m"],
    )
    write_reserve: Annotated[Share, at_most("50%")] = Field(
        default="10%",  # type: ignore[assignment]
        description="The part of every window and bucket that reads leave to writes.",
        examples=["10%"],
    )


ErrorClass = Literal[
    "auth", "forbidden", "not_found", "rate", "retry", "cursor", "guard", "skip", "fatal"
]


class ErrorRule(ConfigModel):
    """One way in which the vendor says no, and what it means. All conditions must hold."""

    status: list[Annotated[int, Field(ge=100, le=599)]] = Field(
        default_factory=list, description="HTTP statuses; none means any.", examples=[[409, 422]]
    )
    on: list[Literal["list", "page", "fetch", "lookup", "write", "check"]] = Field(
        default_factory=list,
        description="Kinds of request; none means any. `list` is the first page of a listing, "
        "`page` any later one.",
        examples=[["page"]],
    )
    when: JmesPath | None = Field(
        default=None,
        description="A condition on the JSON body; a body that is no JSON does not meet it.",
        examples=["errorInfo.code == 'cursor_invalid'"],
    )
    header: Filled | None = Field(
        default=None, description="A header that must be there.", examples=["X-Error-Message"]
    )
    matches: str | None = Field(
        default=None,
        description="A regular expression to be found in that header, whatever the case.",
        examples=["rate|limit"],
    )
    then: ErrorClass = Field(
        description="What it means. auth: the credential is refused. forbidden: a permission is "
        "missing. not_found: there is no such record. rate: slow down. retry: the same may work "
        "later. cursor: the page position or sync token is refused. guard: the application is no "
        "longer where the write expected it. skip: it is fine, there is nothing there or nothing "
        "to do; of a list this is an explicit end, as {status: [204], then: skip}. fatal: asking again cannot help.",
        examples=["cursor"],
    )

    @model_validator(mode="after")
    def _has_a_condition(self) -> "ErrorRule":
        if self.matches is not None and self.header is None:
            raise ValueError("has `matches` without `header`")
        if not (self.status or self.when or self.header):
            raise ValueError("needs a condition: status, when, or header")
        return self


class Errors(ConfigModel):
    """The signs of success and failure."""

    ok_when: JmesPath | None = Field(
        default=None,
        description="A condition on the JSON body that must hold for success, for vendors that "
        "answer 200 with an error body.",
        examples=["success"],
    )
    code: JmesPath | None = Field(
        default=None,
        description="Where the vendor's error code is, to be shown in messages.",
        examples=["errorInfo.code"],
    )
    message: JmesPath | None = Field(
        default=None,
        description="Where the vendor says in words what is wrong, to be shown with a dead letter. "
        "Without it the usual places are searched.",
        examples=["errors[0].detail"],
    )
    message_header: Filled | None = Field(
        default=None,
        description="The header that holds these words, for vendors whose error bodies are empty.",
        examples=["X-Error-Message"],
    )
    rules: list[ErrorRule] = Field(
        default_factory=list,
        description="Looked through in order; the first that fits decides. Without a fitting one: "
        "401 auth, 403 forbidden, 404 and 410 not_found, 429 rate, 408, 425 and 5xx retry, "
        "other 4xx fatal.",
        examples=[[{"status": [422], "on": ["page"], "then": "cursor"}]],
    )
