"""The needs and abilities of a connector, in lines for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from connectors.openapi.findings import Comparison
from daemon.cli.rendering import table
from daemon.cli.session import out


def show_facts(facts: Mapping[str, Any]) -> None:
    """Prints the facts that `connectors.introspection.show_definition` found."""
    version = f" {facts['version']}" if facts["version"] else ""
    lines = [f"{facts['title']}{version}  {facts['file']}", f"  address      {facts['address']}"]
    if facts["sunset"]:
        lines.append(f"  sunset       {facts['sunset']}")
    for line in (*lines, *_asked_for(facts), *_offered(facts)):
        out.print(line, soft_wrap=True)


def _asked_for(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        f"  credentials  {name}: {one['description']}{'' if one['required'] else ' (optional)'}"
        for name, one in facts["credentials"].items()
    ]
    for name, one in facts["options"].items():
        given = f" (default {one['default']})" if one["default"] is not None else ""
        needed = " (required)" if one["required"] else given
        lines.append(f"  options      {name}: {one['description']}{needed}")
    acting = facts["acting_user"]
    if acting is not None:
        needed = "for writes" if acting["needed"] == "writes" else "optional"
        lines.append(f"  acting_user  {acting['description']} ({needed})")
    return lines


def _offered(facts: Mapping[str, Any]) -> list[str]:
    # The keys of `push` that this connector can follow, with the fields of `hired`.
    hired = [f"hired.{name} ({what})" for name, what in facts["hired_fields"].items()]
    followed = [*(name for name in ("note", "rejection_email") if facts[name]), *hired]
    lists = ", ".join(
        f"{name} ({one['holds']}, {one['cursor'] or 'sweeps only'})"
        for name, one in facts["lists"].items()
    )
    lines = [
        f"  lists        {lists}",
        f"  writes       {', '.join(facts['writes']) or 'none'}",
        f"  beside them  {', '.join(followed) or 'nothing'}",
        f"  analytics    {facts['analytics'] or 'none'}",
        f"  webhook      {'yes' if facts['webhook'] else 'no'}",
    ]
    return [*lines, *(f"  cannot       {what}: {why}" for what, why in facts["waivers"].items())]


def show_comparison(found: Comparison) -> None:
    """Prints what an OpenAPI document does not confirm, by line of the definition."""
    lines = table("", "line", "definition", "document")
    for column in lines.columns:
        column.overflow = "fold"
    for one in found.findings:
        mark = Text(one.verdict, style="red" if one.verdict == "mismatch" else "yellow")
        lines.add_row(mark, f"{one.line}:{one.column}", one.path, one.message)
    if found.findings:
        out.print(lines)
    agree = found.checked - len(found.findings)
    out.print(
        f"{found.connector} beside {found.document}: {agree} of {found.checked} agree, "
        f"{found.count('mismatch')} contradictory, {found.count('unknown')} unknown.",
        soft_wrap=True,
    )
