"""Sends writes, each once, and judges by the answer whether they took effect."""

from typing import Any

from yarl import URL

from connectors.definition.compiled_paths import compile_path
from connectors.errors import GuardRefused, NotSupported, OutcomeUnknown, Rejected
from connectors.http.parts import Parts
from connectors.http.requests import Draft
from connectors.values import ApplicationRef, Step
from connectors.write.proof import EMPTY, Written, doubt, written


class WriteSender:
    """Sends the writes of one integration."""

    def __init__(self, parts: Parts) -> None:
        """Take the first form of every guard."""
        self._model = parts.definition.model
        self._operations = self._model.writes.operations()
        self._settings = parts.settings
        self._requests = parts.requests
        self._transport = parts.transport
        self._guard_forms: dict[str, int] = {}
        """By operation: the form of the guard that this account accepts."""

    async def perform(self, step: Step) -> None:
        """Sends a step of a push; after a refused guard, its next form.

        The form that an account accepts is the first one from then on.

        Raises:
            OutcomeUnknown: the write may have taken effect.
            GuardRefused: the ATS refused every form of the guard.
        """
        bodies = (step.body, *step.alternatives)
        first = self._guard_forms.get(step.operation, 0)
        refusals: list[GuardRefused] = []
        for at in sorted(range(len(bodies)), key=lambda at: at != first):
            try:
                await self._send_step(step, bodies[at])
            except GuardRefused as error:
                refusals.append(error)
            else:
                self._guard_forms[step.operation] = at
                return
        # The accepted form says why the step is refused; the others are refused for their form.
        raise refusals[0]

    async def _send_step(self, step: Step, body: Any) -> None:
        write = self._operations[step.operation]
        url = URL(step.url)
        draft = Draft(
            step.operation,
            method=step.method,
            url=url.update_query(step.query) if step.query else url,
            headers=self._requests.headers(write.request),
            body=body,
            form=step.form,
            is_write=True,
        )
        await self.send(draft, write.shown_by)

    async def add_note(self, ref: ApplicationRef, text: str) -> None:
        """Writes a note on an application, once.

        Raises:
            NotSupported: the definition has no note.
            Rejected: it has to be written in the name of a user, and none is configured.
        """
        note = self._model.writes.note
        if note is None:
            raise NotSupported(f"{self._model.title} takes no notes")
        if note.needs_user and self._settings.values.get("acting_user") is None:
            raise Rejected(
                f"{self._model.title} takes a note in someone's name only; add `acting_user`",
                operation="note",
            )
        values = {**ref.placeholders(), "note": text}
        draft = self._requests.draft(note.request, "note", values, is_write=True)
        await self.send(draft, note.shown_by)

    async def send(self, draft: Draft, shown_by: str | None = None) -> None:
        """Sends a write once.

        Raises:
            OutcomeUnknown: the answer does not show that the write took effect.
        """
        answer = await self._transport.once(draft.outgoing(), "write", written)
        if answer.skipped:
            return
        body = answer.payload or EMPTY
        doubtful = doubt(
            answer.status,
            body,
            answer.headers.get("Content-Type", ""),
            is_shown=self._is_shown(body, shown_by),
        )
        if doubtful is not None:
            raise OutcomeUnknown(
                f"{draft.operation}: the ATS {doubtful}, which does not show that the write "
                "took effect",
                status=answer.status,
                operation=draft.operation,
            )

    def _is_shown(self, body: Written, shown_by: str | None) -> bool | None:
        """Judges by the definition's condition, or by its `ok_when`, which holds for JSON here."""
        if shown_by is not None:
            return body.form == "json" and bool(compile_path(shown_by)(body.value))
        return body.form == "json" if self._transport.classifier.judges_success else None
