"""What must be the same however often an import was killed: everything but ids of runs and times."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daemon.importing.verify import Verification
from daemon.store.clearview_reader import MongoClearViewReader
from daemon.store.connection import Mongo
from daemon.store.snapshots import MongoSnapshots
from models.documents import CLEARVIEW_DOCUMENTS, OWN_DOCUMENTS
from tests.support.importing import ImportBench

COMPARED = (
    "candidates",
    "applications",
    "candidate_snapshots",
    "candidates_import_log",
    "candidate_changes",
    "failed_records",
    "webhook_events",
)
PASSING = frozenset(
    {
        *("_id", "run_id", "import_id", "previous"),
        *("created_at", "updated_at", "imported_at", "changed_at", "seen_at", "missing_since"),
        *("received_at", "applied_at"),
        "merged",  # that a row has grown after it was written first
        "at",
    }
)


async def clear_all(mongo: Mongo) -> None:
    for document in (*OWN_DOCUMENTS, *CLEARVIEW_DOCUMENTS):
        await mongo.collection(document).delete_many({})


async def final_state(bench: ImportBench) -> dict[str, Any]:
    """By collection: what is compared of its documents; conflicts beside them as they are."""
    state: dict[str, Any] = {}
    for name in COMPARED:
        rows = await bench.rows(name, **({"status": "Success"} if name.endswith("_log") else {}))
        state[name] = sorted((comparable(row) for row in rows), key=repr)
    state["conflicts"] = [
        [row["application_id"].hex, row["base"], row["ats"], row["clearview"], row["winner"]]
        for row in await bench.rows("conflicts")
    ]
    state["twice"] = await _twice(bench)
    state["drift"] = [
        [item.kind, item.external_id, item.path]
        async for item in verification(bench).differences()
        if item.is_drift
    ]
    return state


def verification(bench: ImportBench) -> Verification:
    return Verification(
        connector=bench.connector,
        snapshots=MongoSnapshots(bench.mongo, bench.integration),
        clearview=MongoClearViewReader(bench.mongo, bench.integration),
    )


async def _twice(bench: ImportBench) -> list[str]:
    """External ids that are in ClearView more than once."""
    rows = [*await bench.rows("candidates"), *await bench.rows("applications")]
    owners = Counter((row.get("candidate_id"), row["external_id"]) for row in rows)
    return [str(key) for key, count in owners.items() if count > 1]


def comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {k: _field(k, v) for k, v in value.items() if k not in PASSING}
        return {k: kept[k] for k in sorted(kept)}
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if value is not None else None


def _field(name: str, value: Any) -> Any:
    if name in {"deleted_at", "detail_due_at"}:
        return value is not None
    if name == "changed_fields":
        return sorted(value)
    return comparable(value)
