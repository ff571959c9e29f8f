"""A Singer target that keeps records in MongoDB by id: `python singer_target.py --config C`.

Runs in an environment of its own (`singer.lock`), never in the daemon's.
"""

from functools import cache
from typing import Any

from pymongo import MongoClient, ReplaceOne
from singer_sdk import BatchSink, Target
from singer_sdk import typing as th


@cache
def _client(uri: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri)


class MongoSink(BatchSink):
    """A thousand records in one bulk write."""

    max_size = 1000

    def process_batch(self, context: dict[str, Any]) -> None:
        client = _client(self.config["uri"])
        collection = client[self.config["database"]][self.stream_name]
        writes = [ReplaceOne({"_id": row["id"]}, row, upsert=True) for row in context["records"]]
        collection.bulk_write(writes, ordered=False)


class MongoTarget(Target):
    """One database."""

    name = "target-bench"
    config_jsonschema = th.PropertiesList(
        th.Property("uri", th.StringType), th.Property("database", th.StringType)
    ).to_dict()
    default_sink_class = MongoSink


if __name__ == "__main__":
    MongoTarget.cli()
