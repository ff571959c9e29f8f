"""Readiness of MongoDB: a primary that takes writes, for each of the two databases."""

from pymongo import AsyncMongoClient

from daemon.store.connection import DatabaseError, Mongo, Row


async def why_not_writable(mongo: Mongo) -> str | None:
    """Returns why the service's own database takes no writes; None if it does."""
    return await _why_not(mongo.client, "MongoDB")


async def why_clearview_is_not_writable(mongo: Mongo) -> str | None:
    """Returns why ClearView's database takes no writes; None if it does, or is on the same server."""
    if mongo.clearview_client is mongo.client:
        return None
    return await _why_not(mongo.clearview_client, "ClearView's MongoDB")


async def _why_not(client: AsyncMongoClient[Row], name: str) -> str | None:
    try:
        hello = await client.admin.command("hello")
    except DatabaseError as error:
        return f"{name} does not answer ({type(error).__name__})"
    if hello.get("isWritablePrimary") or hello.get("msg") == "isdbgrid":
        return None
    return f"{name} has no primary that takes writes"
