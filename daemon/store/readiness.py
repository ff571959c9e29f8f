"""Whether MongoDB takes writes."""

from daemon.store.connection import DatabaseError, Mongo


async def why_not_writable(mongo: Mongo) -> str | None:
    """None if both databases have a primary that takes writes, otherwise the reason."""
    clients = {"MongoDB": mongo.client, "ClearView's MongoDB": mongo.clearview_client}
    if mongo.clearview_client is mongo.client:
        del clients["ClearView's MongoDB"]
    for name, client in clients.items():
        try:
            hello = await client.admin.command("hello")
        except DatabaseError as error:
            return f"{name} does not answer ({type(error).__name__})"
        if not hello.get("isWritablePrimary"):
            return f"{name} has no primary that takes writes"
    return None
