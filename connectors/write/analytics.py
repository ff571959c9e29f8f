"""Delivers analytics to an ATS: a whole report, or one value for each application."""

from collections.abc import Mapping
from typing import Any

from connectors.definition.analytics import ReportAnalytics, ValueAnalytics
from connectors.definition.compiled_paths import compile_path
from connectors.definition.placeholders import fill_text
from connectors.definition.requests import Request
from connectors.definition.root import DefinitionModel
from connectors.errors import NotSupported
from connectors.http.parts import Parts
from connectors.read.reader import AtsReader
from connectors.values import ApplicationRef
from connectors.write.account_reader import ACCOUNT_AGE_S
from connectors.write.choices import ChoiceFinder
from connectors.write.sender import WriteSender


class AnalyticsSender:
    """Delivers the analytics of one integration."""

    def __init__(
        self, parts: Parts, reader: AtsReader, choices: ChoiceFinder, sender: WriteSender
    ) -> None:
        self._model: DefinitionModel = parts.definition.model
        self._parts = parts
        self._reader = reader
        self._choices = choices
        self._sender = sender

    async def send_report(self, report: Mapping[str, Any], period_key: str) -> None:
        """Delivers a whole report.

        Raises:
            NotSupported: the definition has no analytics of the kind `report`.
        """
        analytics = self._model.analytics
        if not isinstance(analytics, ReportAnalytics):
            raise NotSupported(f"{self._model.title} takes no analytics report")
        values = {"report": dict(report), "period_key": period_key}
        await self._send(analytics.request, values, analytics.shown_by)

    async def send_value(self, ref: ApplicationRef, value: str, field_name: str) -> None:
        """Delivers one application's value.

        Raises:
            NotSupported: the definition has no analytics of the kind `per_application`.
            FieldUnknown: the account has no such field.
        """
        analytics = self._model.analytics
        if not isinstance(analytics, ValueAnalytics):
            raise NotSupported(f"{self._model.title} takes no analytics per application")
        values = {**ref.placeholders(), "value": value, "field": field_name}
        chosen = await self._choices.of_field(analytics.choose, values, ACCOUNT_AGE_S)
        values |= chosen
        await self._remove_earlier(analytics, ref, values)
        missing = any(found is None for found in chosen.values())
        request = analytics.otherwise if missing and analytics.otherwise else analytics.request
        await self._send(request, values, analytics.shown_by)

    async def _remove_earlier(
        self, analytics: ValueAnalytics, ref: ApplicationRef, values: dict[str, object]
    ) -> None:
        """Removes the values of earlier exports, where the ATS only adds."""
        if analytics.replaces is None:
            return
        read = await self._reader.read_application(ref)
        found = compile_path(analytics.replaces.values)(read[1] if read else {})
        prefix = fill_text(analytics.replaces.starts_with, self._parts.settings.resolver(values))
        ours = [each for each in found or [] if isinstance(each, str) and each.startswith(prefix)]
        stale = [each for each in ours if each != f"{prefix}{values['value']}"]
        if stale:
            await self._send(analytics.replaces.request, {**values, "stale": stale})

    async def _send(
        self, request: Request, values: Mapping[str, object], shown_by: str | None = None
    ) -> None:
        # It never keeps polls and pushes from the ATS.
        draft = self._parts.requests.draft(
            request, "analytics", values, is_write=True, is_background=True
        )
        await self._sender.send(draft, shown_by)
