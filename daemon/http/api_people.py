"""One person: the history of a candidate, and erasures."""

from aiohttp import web

from daemon.erasing.requests import PersonRequest
from daemon.http import api_inputs as take
from daemon.http.answers import Problem, answered
from daemon.http.api_services import ApiServices
from daemon.http.openapi import V1, object_of
from daemon.http.operations import operation
from models.ids import integration_id

ERASED = object_of("receipt", "candidates", "counts", "requested_at", "finished_at")
LIFTED = object_of(lifted={"type": "integer"})


class PersonRoutes:
    """The routes of single people."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    @operation(
        "GET",
        f"{V1}/candidates/{{id}}/history",
        answer=object_of("candidate", "applications", "events"),
        refusals=(404, 409),
    )
    async def candidate_history(self, id_: str, query: take.HistoryQuery) -> web.Response:
        """The history of one candidate, by ClearView's id or by that of the ATS."""
        history = self._services.history
        found = await history.find(id_, integration=query.integration)
        if not found:
            raise Problem(404, "nothing is recorded about a candidate with this id")
        if len(found) > 1:
            raise Problem(
                409, "several candidates have this id", "name one of them by `integration`"
            )
        (subject,) = found
        return answered(
            {
                "candidate": subject,
                "applications": await history.applications(subject.id),
                "events": await history.events(subject.id),
            }
        )

    @operation("POST", f"{V1}/erasures", answer=ERASED, refusals=(404, 409))
    async def erase(self, body: take.ErasureBody) -> web.Response:
        """Remove all that is held about a person; repeating it answers with the same receipt."""
        wanted = _person(body)
        people = self._services.people
        receipt = await (people.plan(wanted) if body.dry_run else people.erase(wanted))
        if receipt is None:
            raise Problem(404, "nothing is held about this person")
        return answered(
            {
                "receipt": None if body.dry_run else receipt.id,
                "candidates": receipt.candidates,
                "counts": receipt.counts,
                "requested_at": receipt.requested_at,
                "finished_at": receipt.finished_at,
            }
        )

    @operation("POST", f"{V1}/erasures/lift", answer=LIFTED, refusals=(409,))
    async def lift(self, body: take.PersonBody) -> web.Response:
        """Let imports bring an erased person again; answers with the number of erasures that refused it."""
        return answered({"lifted": await self._services.people.lift(_person(body))})


def _person(body: take.PersonBody) -> PersonRequest:
    """Returns the request that a body words.

    Raises:
        Problem: 400.
    """
    if (body.candidate is None) == (body.email is None):
        raise Problem(400, "either candidate or email must be given")
    if body.email is not None and (body.integration is not None or "@" not in body.email):
        raise Problem(400, "email must be an address, and covers all integrations")
    scope = None if body.integration is None else integration_id(body.integration)
    return PersonRequest(body.candidate, body.email, scope)
