"""`GET /`: the status page. It reads, refreshes itself, and shows no personal data."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from daemon.http import page_parts as parts
from daemon.http.html import Html, el, joined
from daemon.http.page_style import CSS, POLICY
from daemon.ports.clock import Clock
from daemon.store.connection import DatabaseError
from daemon.store.overview import Overview, RunFilter
from models.times import iso

REFRESH_S = 10
RUNS_SHOWN = 15


class StatusPage:
    """The page for people."""

    def __init__(
        self, overview: Overview, reasons: Callable[[], Awaitable[list[str]]], clock: Clock
    ) -> None:
        self._overview = overview
        self._reasons = reasons
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.show)]

    async def show(self, _request: web.Request) -> web.Response:
        """The whole picture; while MongoDB is away, only that."""
        reasons, now = await self._reasons(), self._clock.now()
        status = 200
        try:
            picture = await self._overview.everything()
            runs = await self._overview.runs(RunFilter(), limit=RUNS_SHOWN)
            body = body_of(picture, runs.rows, now)
        except DatabaseError:
            status = 503
            body = el("section", "MongoDB does not answer. This page tries again by itself.")
        state = parts.chip("not ready" if reasons else "ready")
        why = el("span", "; ".join(reasons), css="soft") if reasons else None
        title = el("h1", "ClearView ATS Sync")
        header = el("header", title, state, why, el("small", iso(now)))
        page = document(header, body, _footer())
        answer = web.Response(text=page, status=status, content_type="text/html")
        answer.headers["Content-Security-Policy"] = POLICY
        return answer


def document(*body: Html) -> str:
    """A whole HTML page."""
    head = joined(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width">'),
        Html(f'<meta http-equiv="refresh" content="{REFRESH_S}">'),
        Html('<link rel="icon" href="data:,">'),
        el("title", "ClearView ATS Sync"),
        el("style", Html(CSS)),
    )
    return f'<!doctype html><html lang="en">{el("head", head)}{el("body", *body)}</html>'


def body_of(picture: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], now: datetime) -> Html:
    """Returns the body of the status page for what the overview found."""
    return joined(
        parts.tiles(picture),
        parts.alerts(picture["alerts"], now),
        parts.integrations(picture["integrations"], now),
        parts.outbox(picture["outbox"]),
        parts.sinks(picture["events"], now),
        parts.runs(runs, now),
    )


def _footer() -> Html:
    links = (
        joined(el("a", path, href=path), " · ")
        for path in ("/readyz", "/metrics", "/api/v1/integrations", "/api/v1/outbox")
    )
    return el("footer", *links, f"refreshes every {REFRESH_S} s")
