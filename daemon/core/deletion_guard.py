"""The guard of deletions: a listing that lost many records is not believed."""

import msgspec


class DeletionBlocked(msgspec.Struct, frozen=True):
    """The refusal to delete anything until a person has looked. `reason` is a sentence for them."""

    reason: str
    missing: int
    known: int


def judge_deletions(
    *, known: int, missing: int, seen: int, max_percent: float, accepted: bool
) -> DeletionBlocked | None:
    """Returns the reason why a complete listing that lacks `missing` of `known` records may not delete them.

    None: it may. An emptied listing is refused at any percentage; `accepted` is a person's confirmation.
    """
    if accepted or missing == 0:
        return None
    if seen == 0:
        return DeletionBlocked(
            f"the listing came back empty, {known} records were known", missing, known
        )
    if missing * 100 > known * max_percent:
        share = missing * 100 / known
        return DeletionBlocked(
            f"{missing} of {known} records ({share:.1f} %) are missing from a complete listing, "
            f"more than the {max_percent:g} % allowed",
            missing,
            known,
        )
    return None
