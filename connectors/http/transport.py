"""One credential's way to an ATS: budget, credential, sending, judging, and repeating of reads."""

import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from yarl import URL

from connectors.clock import ConnectorClock
from connectors.connector import Observer
from connectors.definition.limits import ErrorClass
from connectors.errors import (
    AtsError,
    BrokenAnswer,
    Misdirected,
    OutcomeUnknown,
    RateLimited,
    TokenUnavailable,
    Unavailable,
)
from connectors.http.addresses import same_origin
from connectors.http.answers import (
    Accept,
    Parse,
    Payload,
    SuccessResponse,
    json_or_none,
    secrets_in,
)
from connectors.http.auth import Applied, Authenticator
from connectors.http.client import Answer, AtsHttp, Outgoing
from connectors.http.decoding import in_utf8
from connectors.http.error_classifier import (
    NOT_WHOLE,
    ErrorClassifier,
    Kind,
    empty_answer,
    error_of,
    not_json,
    partial_answer,
)
from connectors.http.rate_limits import Budget
from models.backoff import backoff_pause

READ_ATTEMPTS = 5
RATE_PATIENCE_S = 900.0
"""The seconds for which rate limits may refuse a read before it fails."""
OUTAGE_PATIENCE_S = 60.0
"""A read fails at once if the ATS announces a longer outage, in seconds."""
_FIRST_BACKOFF = timedelta(seconds=1)
_LONGEST_BACKOFF = timedelta(seconds=30)
_LEAST_BACKOFF_S = 0.25


_SHOWS_SOMETHING: frozenset[Kind] = frozenset({"list", "page", "fetch", "lookup"})


@dataclass(slots=True)
class Transport:
    """Sends requests for one integration.

    From the outside in: `read` repeats, `once` renews the credential, `_judged` classifies the answer,
    `_sent_within_limits` waits for the budget, `_exchange` sends.
    """

    integration: str
    origin: URL
    http: AtsHttp
    budget: Budget
    authenticator: Authenticator
    classifier: ErrorClassifier
    observer: Observer
    clock: ConnectorClock
    jitter: Callable[[], float] = random.random
    requests_sent: int = 0

    async def read(
        self,
        request: Outgoing,
        kind: Kind,
        parse: Parse[Payload],
        *,
        again: bool = True,
        accept: Accept[Payload] | None = None,
    ) -> SuccessResponse[Payload]:
        """Sends a read; repeats it after errors that may pass by themselves, unless `again` is false.

        `accept` may refuse an answer by raising `BrokenAnswer`: that counts as a failed attempt.
        """
        deadline = self.clock.monotonic() + RATE_PATIENCE_S

        async def attempt() -> SuccessResponse[Payload]:
            good = await self._past_rate_limits(request, kind, parse, deadline)
            if accept is not None:
                accept(good)
            return good

        try:
            return await attempt()
        except (Unavailable, BrokenAnswer) as error:
            if not again:
                raise
            return await self._again(attempt, error)

    async def _again(
        self, read: Callable[[], Awaitable[SuccessResponse[Payload]]], failed: AtsError | None
    ) -> SuccessResponse[Payload]:
        """Repeats a read that failed once with `failed`, up to `READ_ATTEMPTS` in all."""
        attempts = AsyncRetrying(
            retry=retry_if_exception(self._is_temporary),
            stop=stop_after_attempt(READ_ATTEMPTS),
            wait=self._backoff,
            sleep=self.clock.sleep,
            reraise=True,
        )
        async for attempt in attempts:
            with attempt:
                if failed is not None:  # the first attempt counts, too
                    first, failed = failed, None
                    raise first
                return await read()
        raise AssertionError("retrying ends by returning or raising")

    def _is_temporary(self, error: BaseException) -> bool:
        """True if the same read may succeed within a minute, with no one correcting anything."""
        if isinstance(error, TokenUnavailable) or not isinstance(error, Unavailable | BrokenAnswer):
            return False
        patience = timedelta(seconds=OUTAGE_PATIENCE_S)
        return error.until is None or error.until - self.clock.now() <= patience

    def _backoff(self, state: RetryCallState) -> float:
        """Full jitter above a floor, doubling."""
        pause = backoff_pause(
            state.attempt_number,
            first=_FIRST_BACKOFF,
            longest=_LONGEST_BACKOFF,
            certain=0.0,
            chance=self.jitter(),
        )
        return max(pause.total_seconds(), _LEAST_BACKOFF_S)

    async def _past_rate_limits(
        self, request: Outgoing, kind: Kind, parse: Parse[Payload], deadline: float
    ) -> SuccessResponse[Payload]:
        """Repeats a read that a rate limit refused, after the pause: that is no failure.

        `deadline`, on the monotonic clock, ends it.
        """
        while True:
            try:
                return await self.once(request, kind, parse)
            except RateLimited:
                if self.clock.monotonic() >= deadline:
                    raise

    async def once(
        self, request: Outgoing, kind: Kind, parse: Parse[Payload]
    ) -> SuccessResponse[Payload]:
        """Send without repeating; only a 401 is tried once more, if there is a fresher credential."""
        try:
            return await self._once(request, kind, parse)
        except AtsError as error:
            # The traceback would keep the answer in memory for as long as the error is kept.
            error.__context__ = None
            raise error.with_traceback(None) from None

    async def _once(
        self, request: Outgoing, kind: Kind, parse: Parse[Payload]
    ) -> SuccessResponse[Payload]:
        self._refuse_other_origin(request)
        applied = await self._credential()
        answer, envelope, payload, found = await self._judged(request, kind, parse, applied)
        if found == "auth" and await self.authenticator.renew(applied):
            applied = await self._credential()
            answer, envelope, payload, found = await self._judged(request, kind, parse, applied)
        if found is None and payload is None and kind in _SHOWS_SOMETHING:
            raise empty_answer(request.operation, answer.status)
        if found is None and kind in _SHOWS_SOMETHING and answer.status in NOT_WHOLE:
            raise partial_answer(request.operation, answer.status)
        if found is None or found == "skip":
            return SuccessResponse(
                payload if found is None else None,
                answer.headers,
                answer.url,
                status=answer.status,
                skipped=found is not None,
            )
        raise self._error(request, kind, answer, found, envelope, secrets_in(applied))

    async def file(self, request: Outgoing, *, authorised: bool) -> Answer:
        """Returns the answer to a request for a file, whatever its status, also a redirect.

        The credential goes to the integration's own origin only; such requests count against its limits.
        """
        if not authorised:
            return await self._exchange(request, Applied())
        self._refuse_other_origin(request)
        applied = await self._credential()
        answer = await self._answered(request, applied)
        if answer.status == 401 and await self.authenticator.renew(applied):
            answer = await self._answered(request, await self._credential())
        return answer

    async def _answered(self, request: Outgoing, applied: Applied) -> Answer:
        answer = await self._sent_within_limits(request, applied)
        if answer.status != 429:
            self.budget.accepted(request)
        return answer

    def file_error(self, request: Outgoing, answer: Answer) -> AtsError | None:
        """Returns the error that the API answered instead of a file; None for success."""
        envelope = json_or_none(answer.body)
        found = self.classifier.classify(answer.status, answer.headers, envelope, "fetch")
        if found is None or found == "skip":
            return None
        return self._error(request, "fetch", answer, found, envelope)

    def _error(
        self,
        request: Outgoing,
        kind: Kind,
        answer: Answer,
        found: ErrorClass,
        envelope: Any,
        secrets: Collection[str] = (),
    ) -> AtsError:
        until = None
        if found == "rate":
            until = self.budget.refused(request, answer.headers)
            message = f"{request.operation}: the ATS asks to slow down"
            return RateLimited(
                message, until=until, status=answer.status, operation=request.operation
            )
        if found == "retry":
            until = self.budget.put_off(request, answer.headers)
        return error_of(
            found,
            status=answer.status,
            operation=request.operation,
            kind=kind,
            code=self.classifier.code(envelope, secrets),
            words=self.classifier.words(answer.headers, envelope, secrets),
            until=until,
        )

    def _refuse_other_origin(self, request: Outgoing) -> None:
        if not same_origin(request.url, self.origin):
            raise Misdirected(
                f"{request.operation}: the address is on another host, scheme or port than "
                f"{self.origin.origin()}; nothing was sent there",
                operation=request.operation,
            )

    async def _judged(
        self, request: Outgoing, kind: Kind, parse: Parse[Payload], applied: Applied
    ) -> tuple[Answer, Any, Payload | None, ErrorClass | None]:
        answer = await self._sent_within_limits(request, applied)
        envelope, payload = self._parsed(request, answer, parse)
        found = self.classifier.classify(answer.status, answer.headers, envelope, kind)
        if found != "rate":
            self.budget.accepted(request)
        return answer, envelope, payload, found

    def _parsed(
        self, request: Outgoing, answer: Answer, parse: Parse[Payload]
    ) -> tuple[Any, Payload | None]:
        if not answer.body:
            return None, None
        if answer.status >= 400:
            return json_or_none(answer.body), None
        content_type = answer.headers.get("Content-Type", "")
        try:
            return parse(in_utf8(answer.body, content_type))
        except msgspec.DecodeError:
            raise not_json(request.operation, answer.status, content_type) from None

    async def _sent_within_limits(self, request: Outgoing, applied: Applied) -> Answer:
        """Waits until the limits have room, and learns what the answer says about them."""
        async with self.budget.slot(request, self._waiting) as sent:
            answer = await self._exchange(request, applied)
        self.budget.learn(request, answer.headers, sent)
        return answer

    async def _exchange(self, request: Outgoing, applied: Applied) -> Answer:
        sent = request
        if applied.query:
            sent = replace(request, url=request.url.update_query(applied.query))
        self.requests_sent += 1
        self.observer.request_sent(integration=self.integration, operation=request.operation)
        began = self.clock.monotonic()
        status: int | None = None
        try:
            answer = await self.http.send(sent, applied.headers)
            status = answer.status
            return answer
        finally:
            self.observer.answer_received(
                integration=self.integration,
                operation=request.operation,
                status=status,
                seconds=self.clock.monotonic() - began,
            )

    async def _credential(self) -> Applied:
        applied = await self.authenticator.apply(self._send_token)
        if applied.warning is not None:
            self.warn(applied.warning)
        return applied

    async def finish(self) -> None:
        """Waits until a token that is being fetched is stored. Called before the connection is closed."""
        await self.authenticator.finish(self._send_token)

    async def _send_token(self, request: Outgoing) -> Answer:
        """Token requests have a budget of their own and carry no other credential."""
        request = replace(request, is_token=True)
        try:
            answer = await self._sent_within_limits(request, Applied())
        except OutcomeUnknown as error:
            raise Unavailable(str(error), operation="token") from error
        except Misdirected as error:
            problem = (
                "is not valid" if error.status is None else f"answered {error.status}, a redirect"
            )
            message = f"the token address {problem}; correct it where the configuration names it"
            raise TokenUnavailable(message, status=error.status, operation="token") from None
        self._raise_if_refused(request, answer)
        return answer

    def _raise_if_refused(self, request: Outgoing, answer: Answer) -> None:
        """Raises if the token address itself is rate limited or down."""
        status = answer.status
        if status == 429:
            until = self.budget.refused(request, answer.headers)
            raise RateLimited("token: the ATS asks to slow down", until=until, operation="token")
        self.budget.accepted(request)
        if status >= 500 or status in {408, 425}:
            raise Unavailable(
                f"the token address answered {status}",
                status=status,
                operation="token",
                until=self.budget.put_off(request, answer.headers),
            )

    def _waiting(self, until: datetime, reason: str) -> None:
        self.observer.waiting(integration=self.integration, until=until, reason=reason)

    def warn(self, message: str) -> None:
        """Reports a problem that stops nothing."""
        self.observer.warned(integration=self.integration, message=message)
