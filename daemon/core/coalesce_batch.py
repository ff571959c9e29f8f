"""One write per candidate and page, however many records of the page speak of that person.

A page that was killed half way is finished document by document: a document that carries the
import's stamp must be complete.
"""

from typing import Any

from msgspec.structs import replace

from daemon.core.clearview_batch import ClearViewBatch, Patch
from daemon.core.diff import CUSTOM
from daemon.core.snapshot import Record


def fold_candidates(batch: ClearViewBatch) -> ClearViewBatch:
    """Returns the batch with each candidate in it once: created in its last state, or patched once."""
    new: dict[str, Record] = {}
    for record in batch.new_candidates:
        new.setdefault(str(record["external_id"]), record)
    patches: dict[str, Patch] = {}
    for patch in batch.candidate_patches:
        if patch.external_id in new:
            new[patch.external_id] = patched(new[patch.external_id], patch)
        elif patch.external_id in patches:
            patches[patch.external_id] = joined(patches[patch.external_id], patch)
        else:
            patches[patch.external_id] = patch
    return replace(
        batch, new_candidates=list(new.values()), candidate_patches=list(patches.values())
    )


def joined(one: Patch, then: Patch) -> Patch:
    """Returns one patch for two that follow each other."""
    kept = {path: value for path, value in one.set.items() if not _touched(path, then)}
    unset = [path for path in one.unset if not _touched(path, then)]
    return _settled(replace(one, set={**kept, **then.set}, unset=[*unset, *then.unset]))


def _touched(path: str, patch: Patch) -> bool:
    """Returns True if the patch writes the path, or what it is in."""
    others = (*patch.set, *patch.unset)
    return any(path == other or path.startswith(f"{other}.") for other in others)


def _settled(patch: Patch) -> Patch:
    """Merges custom fields as a whole and one by one: MongoDB refuses both in one update."""
    if CUSTOM not in patch.set:
        return patch
    inner = {p: v for p, v in patch.set.items() if p.startswith(f"{CUSTOM}.")}
    others = {p: v for p, v in patch.set.items() if p not in inner and p != CUSTOM}
    whole = patched({CUSTOM: patch.set[CUSTOM]}, replace(patch, set=inner))
    return replace(patch, set={**others, **whole}, unset=[])


def patched(record: Record, patch: Patch) -> Record:
    """Returns the record after the patch, as ClearView would hold it."""
    result: dict[str, Any] = {**record, CUSTOM: dict(record.get(CUSTOM) or {})}
    for path, value in patch.set.items():
        top, _, key = path.partition(".")
        if key:
            result[top][key] = value
        else:
            result[top] = value
    for path in patch.unset:
        top, _, key = path.partition(".")
        result[top].pop(key, None)
    return result
