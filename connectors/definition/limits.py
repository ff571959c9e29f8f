"""Budgets that a vendor grants, and what its refusals mean."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import ConfigModel, Duration, Filled, Share, at_most, between, optional_key
from connectors.definition.paths import JmesPath

Positive = Annotated[int, Field(ge=1)]
Scope = list[Filled]
_ONLY = (
    "Restricts the limit to these lists; `writes` means all writes, and `token` all token "
    "requests. Without it, everything but token requests counts."
)


class WindowLimit(ConfigModel):
    """A number of requests in each window of time."""

    kind: Literal["window"] = Field(description="A window.", examples=["window"])
    requests: Positive = Field(description="Requests in one window.", examples=[50])
    per: Annotated[Duration, between("100ms", "24h")] = Field(
        description="The window's length.", examples=["10s"]
    )
    only: Scope = optional_key(_ONLY, ["candidates"], make=list)
    limit_header: Filled | None = optional_key(
        "The header with the true number of requests per window.", "X-RateLimit-Limit"
    )
    remaining_header: Filled | None = optional_key(
        "The header with what is left of this window.", "X-RateLimit-Remaining"
    )
    reset_header: Filled | None = optional_key(
        "The header that says when the window ends.", "X-RateLimit-Reset"
    )
    reset_as: Literal["epoch_s", "epoch_ms", "seconds_left"] = optional_key(
        "How that header says it.", "seconds_left", default="epoch_s"
    )


class BucketLimit(ConfigModel):
    """A token bucket: a steady rate, and a burst."""

    kind: Literal["bucket"] = Field(description="A token bucket.", examples=["bucket"])
    requests: Positive = Field(description="Requests per `per`.", examples=[10])
    per: Annotated[Duration, between("100ms", "24h")] = Field(
        description="The time in which that many are granted.", examples=["1s"]
    )
    burst: Positive = Field(description="Requests that may go at once.", examples=[20])
    only: Scope = optional_key(_ONLY, ["writes"], make=list)


class ConcurrencyLimit(ConfigModel):
    """A number of requests under way at once."""

    kind: Literal["concurrency"] = Field(description="Concurrency.", examples=["concurrency"])
    at_once: Positive = Field(description="Requests at once.", examples=[8])
    only: Scope = optional_key(_ONLY, ["candidates"], make=list)


Limit = Annotated[WindowLimit | BucketLimit | ConcurrencyLimit, Field(discriminator="kind")]


class Limits(ConfigModel):
    """The limits of one credential; all integrations with that credential share them."""

    budgets: list[Limit] = optional_key(
        "The limits; a request waits until all that concern it have room.",
        [{"kind": "window", "requests": 50, "per": "10s"}],
        make=list,
    )
    retry_after_header: Filled = optional_key(
        "The header that says how long to wait: seconds, or a date.",
        "Retry-After",
        default="Retry-After",
    )
    pause: Annotated[Duration, between("100ms", "10m")] = optional_key(
        "How long to wait after a refusal that does not say.", "10s", default="10s"
    )
    longest_pause: Annotated[Duration, between("1s", "1h")] = optional_key(
        "A vendor that asks for more than this is asked again after this.", "5m", default="5m"
    )
    write_reserve: Annotated[Share, at_most("50%")] = optional_key(
        "The part of every window and bucket that reads leave to writes.", "10%", default="10%"
    )


ErrorClass = Literal[
    "auth", "forbidden", "not_found", "rate", "retry", "cursor", "guard", "skip", "fatal"
]


class ErrorRule(ConfigModel):
    """One way in which the vendor says no, and what it means. All conditions must hold."""

    status: list[Annotated[int, Field(ge=100, le=599)]] = optional_key(
        "HTTP statuses; none means any.", [409, 422], make=list
    )
    on: list[Literal["list", "page", "fetch", "lookup", "write", "check"]] = optional_key(
        "Kinds of request; none means any. `list` is the first page of a listing, "
        "`page` any later one.",
        ["page"],
        make=list,
    )
    when: JmesPath | None = optional_key(
        "A condition on the JSON body; a body that is no JSON does not meet it.",
        "errorInfo.code == 'cursor_invalid'",
    )
    header: Filled | None = optional_key("A header that must be there.", "X-Error-Message")
    matches: str | None = optional_key(
        "A regular expression to be found in that header, whatever the case.", "rate|limit"
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

    ok_when: JmesPath | None = optional_key(
        "A condition on the JSON body that must hold for success, for vendors that "
        "answer 200 with an error body.",
        "success",
    )
    code: JmesPath | None = optional_key(
        "Where the vendor's error code is, to be shown in messages.", "errorInfo.code"
    )
    message: JmesPath | None = optional_key(
        "Where the vendor says in words what is wrong, to be shown with a dead letter. "
        "Without it the usual fields are searched.",
        "errors[0].detail",
    )
    message_header: Filled | None = optional_key(
        "The header that holds these words, for vendors whose error bodies are empty.",
        "X-Error-Message",
    )
    rules: list[ErrorRule] = optional_key(
        "Looked through in order; the first that fits decides. Without a fitting one: "
        "401 auth, 403 forbidden, 404 and 410 not_found, 429 rate, 408, 425 and 5xx retry, "
        "other 4xx fatal.",
        [{"status": [422], "on": ["page"], "then": "cursor"}],
        make=list,
    )
