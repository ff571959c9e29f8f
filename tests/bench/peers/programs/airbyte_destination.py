"""An Airbyte destination that keeps records in MongoDB by id, a thousand in one bulk write.

Runs in an environment of its own (`airbyte.lock`), never in the daemon's.
"""

import sys
from collections.abc import Iterable, Mapping
from logging import Logger
from typing import Any

from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    Status,
    Type,
)
from pymongo import MongoClient, ReplaceOne

BATCH = 1000
STREAM = "candidates"


class MongoDestination(Destination):
    """One stream in one collection."""

    def spec(self, logger: Logger) -> ConnectorSpecification:
        return ConnectorSpecification(
            connectionSpecification={"type": "object", "required": ["uri", "database"]}
        )

    def check(self, logger: Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterable[AirbyteMessage]:
        database = MongoClient(config["uri"])[config["database"]]
        waiting: list[Mapping[str, Any]] = []
        for message in input_messages:
            if message.type == Type.RECORD:
                waiting.append(message.record.data)
                if len(waiting) >= BATCH:
                    _store(database, STREAM, waiting)
                    waiting = []
            elif message.type == Type.STATE:
                if waiting:
                    _store(database, STREAM, waiting)
                    waiting = []
                yield message


def _store(database: Any, stream: str, rows: list[Mapping[str, Any]]) -> None:
    writes = [ReplaceOne({"_id": row["id"]}, row, upsert=True) for row in rows]
    database[stream].bulk_write(writes, ordered=False)


if __name__ == "__main__":
    MongoDestination().run(sys.argv[1:])
