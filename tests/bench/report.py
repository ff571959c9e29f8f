"""The figures as tables, for a terminal and for RESULTS.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.idle import IdleResult
from tests.bench.imports import BARE, COMPARED, LIMIT, OURS, VERIFY, SizeResult
from tests.bench.machine import Machine
from tests.bench.pushes import BARE as BARE_LOOP
from tests.bench.pushes import OURS as OUR_PUSH
from tests.bench.pushes import PushResult

Row = Sequence[str]


@dataclass(slots=True)
class Results:
    """Everything that one run found."""

    machine: Machine
    sizes: list[SizeResult] = field(default_factory=list)
    idle: list[IdleResult] = field(default_factory=list)
    pushes: PushResult | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Cells, the first row its heads."""

    title: str
    rows: Sequence[Row]
    note: str = ""


def tables(results: Results) -> Iterator[Table]:
    """Every table, in the order of the report."""
    yield from (_import_table(size) for size in results.sizes)
    if results.sizes:
        yield _bare_table(results.sizes)
        yield _growth_table(results.sizes)
    if results.pushes is not None:
        yield _latency_table(results.pushes)
        yield _drain_table(results.pushes)
    if results.idle:
        yield _idle_table(results.idle)


def _import_table(size: SizeResult) -> Table:
    head = (
        "",
        "limit rec/s",
        "ours rec/s",
        "ratio",
        "CPU ratio",
        "cpu limit",
        "cpu ours",
        "mongod",
    )
    rows = [head, *(_import_row(size, work) for work in COMPARED)]
    return Table(
        f"Import of {size.records:,} records ({len(size.costs[OURS, 'first import'])} repetitions)",
        rows,
        "ratio: the median, and from the lowest to the highest. cpu: microseconds a record, of the "
        "client; mongod: limit / ours. CPU ratio: client and mongod together. Others used "
        f"{size.others_percent():.0f} % of the machine meanwhile.{_verified(size)}",
    )


def _verified(size: SizeResult) -> str:
    if not size.costs[OURS, VERIFY]:
        return ""
    rate = size.rate(OURS, VERIFY)
    return f" After all this `verify` compared {rate:,.0f} records/s and found no drift."


def _with_range(ratios: Sequence[float]) -> str:
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    return f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def _import_row(size: SizeResult, work: str) -> Row:
    limit = COMPARED[work]
    mongod = [
        size.micros(side, what, "mongod_cpu_s") for side, what in ((LIMIT, limit), (OURS, work))
    ]
    return (
        work,
        f"{size.rate(LIMIT, limit):,.0f}",
        f"{size.rate(OURS, work):,.0f}",
        _with_range(size.ratios(work)),
        f"{size.cpu_ratio(work):.2f}",
        f"{size.micros(LIMIT, limit, 'client_cpu_s'):.1f}",
        f"{size.micros(OURS, work, 'client_cpu_s'):.1f}",
        f"{mongod[0]:.1f} / {mongod[1]:.1f}",
    )


def _bare_table(sizes: Sequence[SizeResult]) -> Table:
    rows: list[Row] = [("records", *(f"{work}, rec/s (cpu us)" for work in BARE))]
    for size in sizes:
        cells = [
            f"{size.rate(LIMIT, work):,.0f} ({size.micros(LIMIT, work, 'client_cpu_s'):.1f})"
            for work in BARE
        ]
        rows.append((f"{size.records:,}", *cells))
    return Table("Below the limit: what bytes cost alone", rows)


def _growth_table(sizes: Sequence[SizeResult]) -> Table:
    head = ("records", "import cpu", "import mongod", "re-poll cpu", "peak MB", "limit MB",
            "stored MB", "limit MB")  # fmt: skip
    rows: list[Row] = [head]
    for size in sizes:
        stored = {side: size.stored[side][-1] / 1024**2 for side in (OURS, LIMIT)}
        rows.append(
            (
                f"{size.records:,}",
                f"{size.micros(OURS, 'first import', 'client_cpu_s'):.1f}",
                f"{size.micros(OURS, 'first import', 'mongod_cpu_s'):.1f}",
                f"{size.micros(OURS, 'unchanged', 'client_cpu_s'):.1f}",
                f"{size.peak_mb(OURS):.0f}",
                f"{size.peak_mb(LIMIT):.0f}",
                f"{stored[OURS]:.0f}",
                f"{stored[LIMIT]:.0f}",
            )
        )
    return Table(
        "Cost per record as the size grows, and memory",
        rows,
        "Microseconds a record, ours. Peak is that of the costliest step. Stored: compressed, with "
        "indexes; the records repeat 2,000 people, which flatters compression.",
    )


def _latency_table(pushes: PushResult) -> Table:
    head = ("changes/s", "changes", "bare p50", "bare p99", "ours p50", "ours p99", "write p50",
            "write p99")  # fmt: skip
    rows: list[Row] = [head]
    for rate in sorted({rate for _, rate in pushes.latency}):
        bare, ours = (pushes.latency[side, rate] for side in (BARE_LOOP, OUR_PUSH))
        figures = (
            bare.request_p50,
            bare.request_p99,
            ours.request_p50,
            ours.request_p99,
            ours.write_p50,
            ours.write_p99,
        )
        rows.append((f"{rate}", f"{ours.changes:,}", *(f"{each:.1f}" for each in figures)))
    return Table(
        "Push: milliseconds from the acknowledged write in ClearView to the ATS",
        rows,
        "ours: to the first request about the application, which reads it; write: to the write "
        "behind it. The bare loop writes at once and keeps nothing.",
    )


def _drain_table(pushes: PushResult) -> Table:
    bare, ours = pushes.drained[BARE_LOOP], pushes.drained[OUR_PUSH]
    return Table(
        "Push: a backlog drained, an ATS that answers at once",
        (("bare changes/s", "ours changes/s"), (f"{bare:,.0f}", f"{ours:,.0f}")),
        "Ours reads each application before it writes, and writes outbox, log and snapshot.",
    )


def _idle_table(results: Sequence[IdleResult]) -> Table:
    head = ("integrations", "first request, s", "all imported, s", "CPU of one core", "peak MB")
    rows = [
        (
            f"{one.integrations:,}",
            f"{one.first_poll_s:.2f}",
            f"{one.all_polled_s:.1f}",
            f"{one.cpu_percent:.2f} %",
            f"{one.peak_mb:.0f}",
        )
        for one in results
    ]
    note = "From the start of the process; each integration imports 500 records, then all is quiet."
    return Table("A daemon with nothing to do", (head, *rows), note)


def plain_text(results: Results) -> str:
    """For a terminal of 100 columns."""
    return "\n\n".join(_plain(table) for table in tables(results))


def _plain(table: Table) -> str:
    widths = [max(len(row[at]) for row in table.rows) for at in range(len(table.rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table.rows
    ]
    return "\n".join([table.title, *lines])


def markdown(results: Results) -> str:
    """RESULTS.md."""
    one = results.machine
    head = (
        "# What an import and a push cost\n\n"
        f"Written by `make bench` on {one.date}: {one.cpu}, {one.cores} cores, "
        f"{one.memory_gb} GB, Python {one.python}, mongod {one.mongod} (one node, loopback).\n"
        "[README.md](README.md) says what is compared with what.\n"
        "A ratio of 1.00 is the limit; CPU ratios are steadier than times where the machine had "
        "other work.\n\n"
        "![Records per second, ours beside the limit](results.svg)\n"
    )
    return "\n".join([head, *(_marked_down(table) for table in tables(results))])


def _marked_down(table: Table) -> str:
    head, *rows = table.rows
    lines = [
        f"| {' | '.join(head)} |",
        f"|{'|'.join(['---', *['---:'] * (len(head) - 1)])}|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    note = f"\n{table.note}\n" if table.note else ""
    return f"## {table.title}\n\n" + "\n".join(lines) + f"\n{note}"
