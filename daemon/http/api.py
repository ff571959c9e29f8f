"""`/api/v1`: what an operator's scripts read, and the few things they may ask for."""

import msgspec
from aiohttp import web

from daemon.http.api_integrations import IntegrationRoutes
from daemon.http.api_people import PersonRoutes
from daemon.http.api_records import RecordRoutes
from daemon.http.api_services import ApiServices
from daemon.http.openapi import OPENAPI_PATH, document
from daemon.http.operations import ApiOperation, operation, operations_of

GROUPS = (IntegrationRoutes, RecordRoutes, PersonRoutes)


class ApiRoutes:
    """The routes below `/api/v1`, with the document that describes them."""

    def __init__(self, services: ApiServices) -> None:
        self._operations = operations_of(self, *(group(services) for group in GROUPS))
        self._document = msgspec.json.encode(document(self._operations))

    @classmethod
    def declared(cls) -> list[ApiOperation]:
        """The operations without anything to serve them, for the document."""
        return operations_of(cls, *GROUPS)

    def routes(self) -> list[web.RouteDef]:
        return [operation.route() for operation in self._operations]

    @operation("GET", OPENAPI_PATH, answer={"type": "object"})
    async def openapi(self) -> web.Response:
        """Answers with the document of this API."""
        return web.Response(body=self._document, content_type="application/json")
