"""Deletes alerts and messages that name an `http` channel by its address, whose path may be a secret.

Since 0.3.0 a channel is named by its host and a hash. Conditions that are open are reported again by
their next reminder.
"""

from models.migrations.step import DeleteDocuments, Migration

_BY_ADDRESS = {"$regex": "^http:https?://"}
MIGRATION = Migration(
    name="0004_delete_addresses_of_channels",
    release="0.3.0",
    changes=(
        DeleteDocuments("alerts", {"details.channel": _BY_ADDRESS}),
        DeleteDocuments("notification_queue", {"channel": _BY_ADDRESS}),
        DeleteDocuments("notification_queue", {"payload.details.channel": _BY_ADDRESS}),
    ),
)
