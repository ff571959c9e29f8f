"""Bars, as an SVG that needs nothing: our rate beside the limit's, for each piece of work."""

from collections.abc import Iterator, Sequence

from tests.bench.imports import COMPARED, LIMIT, OURS, SizeResult

_WIDTH, _BAR, _GAP, _LEFT, _SPAN = 760, 14, 14, 190, 430
_COLOURS = {LIMIT: "#b8c4ce", OURS: "#2563eb"}
_GROUP = 2 * _BAR + _GAP
_HEAD = 34


def chart(sizes: Sequence[SizeResult]) -> str:
    """One block of bars for each size; each pair is drawn to the limit's own scale."""
    body, top = list[str](), 10
    for size in sizes:
        body += _block(size, top)
        top += _HEAD + len(COMPARED) * _GROUP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
        f'viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="12" fill="#334155">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{"".join(body)}</svg>\n'
    )


def _block(size: SizeResult, top: int) -> Iterator[str]:
    title = f"{size.records:,} records: records per second, limit (grey) and ours (blue)"
    yield _text(10, top + 16, title, weight="bold")
    for at, work in enumerate(COMPARED):
        y = top + _HEAD + at * _GROUP
        yield _text(_LEFT - 10, y + _BAR + 4, work, anchor="end")
        limit, ours = size.rate(LIMIT, COMPARED[work]), size.rate(OURS, work)
        largest = max(limit, ours)
        yield _bar(y, limit / largest, LIMIT, f"{limit:,.0f}")
        yield _bar(y + _BAR, ours / largest, OURS, f"{ours:,.0f} ({size.ratio(work):.2f})")


def _bar(y: int, share: float, side: str, label: str) -> str:
    width = max(1, round(_SPAN * share))
    bar = f'<rect x="{_LEFT}" y="{y}" width="{width}" height="{_BAR - 2}" fill="{_COLOURS[side]}"/>'
    return f"{bar}\n{_text(_LEFT + width + 6, y + _BAR - 4, label)}"


def _text(x: int, y: int, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{text}</text>\n'
