"""Reads a safe, plain subset of YAML into nodes with positions, and reports the rest as mistakes.

Left out on purpose: anchors, aliases, merge keys, tags, several documents and typing by the look
of a word. Values stay text until someone knows what they should be, so that `NO`, `010`,
`12:30:00` and dates arrive as they were written.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from config.files import read_limited
from config.nodes import Entry, MappingNode, Mark, Node, Scalar, SequenceNode, show_path
from config.problems import ConfigError, ConfigIssue, ConfigIssues
from config.yaml_errors import explain_syntax_error, not_utf8

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

_UNUSABLE = "\0"
"""The key of a refused entry; no file can contain it as a plain character."""


def read_yaml(path: Path, problems: ConfigIssues) -> Node:
    """Returns the tree of one file; adds mistakes that do not stop the parser to `problems`.

    Raises:
        ConfigError: the file cannot be read, or reading it has to stop at a mistake.
    """
    try:
        content = read_limited(path, MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, "no such file; create it, or name another one") from None
    except IsADirectoryError:
        raise _unreadable(path, "is a directory; name a YAML file in it") from None
    except PermissionError:
        raise _unreadable(path, "may not be read by this user; check its permissions") from None
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unreadable(path, "is not a usable file name") from None
    return parse_yaml(content, str(path), problems)


def parse_yaml(content: bytes, file: str, problems: ConfigIssues) -> Node:
    """Returns the tree of a file's content; `file` is its name in messages.

    Raises:
        ConfigError: reading has to stop at a mistake.
    """
    if len(content) > MAX_BYTES:
        message = f"the file has {len(content)} bytes; at most {MAX_BYTES} are read"
        raise ConfigError([*problems.errors, ConfigIssue(file, 1, 1, "", message)])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([*problems.errors, not_utf8(file, content, error)]) from None
    return _TreeBuilder(text, file, problems).build()


def _unreadable(path: Path, message: str) -> ConfigError:
    return ConfigError([ConfigIssue(str(path), 0, 0, "", message)])


class _TreeBuilder:
    """Turns the parser's events into nodes; keeps the path for messages and the depth for safety."""

    def __init__(self, text: str, file: str, problems: ConfigIssues) -> None:
        self._text = text
        self._file = file
        self._problems = problems
        self._path: list[str | int] = []

    def build(self) -> Node:
        events = self._events()
        next(events)  # the stream's start
        first = next(events)
        if isinstance(first, yaml.StreamEndEvent):
            raise self._stop(Mark(1, 1), "the file is empty")
        root = self._node(next(events), events)
        next(events)  # the document's end
        following = next(events)
        if isinstance(following, yaml.DocumentStartEvent):
            message = "a second document starts here; one file is one document"
            raise self._stop(_mark(following), message)
        return root

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self._text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            problem = explain_syntax_error(error, self._file, self._text)
            raise ConfigError([*self._problems.errors, problem]) from None

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event]) -> Node:
        self._refuse_sharing(event)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event)
            case yaml.SequenceStartEvent():
                return self._sequence(event, events)
            case yaml.MappingStartEvent():
                return self._mapping(event, events)
            case _:
                return Scalar(_mark(event), "", unquoted=False, unresolved=True)

    def _refuse_sharing(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._note(_mark(event), "aliases (*) are not supported; write the value out")
            return
        if getattr(event, "anchor", None):
            self._note(_mark(event), "anchors (&) are not supported; remove this one")
        if getattr(event, "tag", None):
            self._note(_mark(event), "tags (!) are not supported; quote the text if it starts so")

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        text = event.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._note(_mark(event), "has an escape that is no character")
            text = ""
        start, end, raw = event.start_mark, event.end_mark, ""
        if "${" in text and start and end:
            raw = self._text[start.index : end.index]
        return Scalar(_mark(event), text, unquoted=event.style is None, raw=raw)

    def _sequence(self, start: yaml.Event, events: Iterator[yaml.Event]) -> SequenceNode:
        self._refuse_depth(start)
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            self._path.append(len(items))
            items.append(self._node(event, events))
            self._path.pop()
        return SequenceNode(_mark(start), tuple(items))

    def _mapping(self, start: yaml.Event, events: Iterator[yaml.Event]) -> MappingNode:
        self._refuse_depth(start)
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            entry = self._entry(event, events)
            if entry.key not in entries:
                entries[entry.key] = entry
            elif entry.key != _UNUSABLE:
                first = entries[entry.key].mark.line
                self._note(entry.mark, f"is given twice (first on line {first})", entry.key)
        entries.pop(_UNUSABLE, None)
        return MappingNode(_mark(start), tuple(entries.values()))

    def _entry(self, event: yaml.Event, events: Iterator[yaml.Event]) -> Entry:
        mark = _mark(event)
        key = self._key(event, events)
        self._path.append(key)
        value = self._node(next(events), events)
        self._path.pop()
        return Entry(key, mark, value)

    def _key(self, event: yaml.Event, events: Iterator[yaml.Event]) -> str:
        node = self._node(event, events)
        match node:
            case Scalar(text="<<", unquoted=True):
                self._note(node.mark, "merge keys (<<) are not supported; write the keys out")
            case Scalar(text="", unquoted=True):
                self._note(node.mark, "a key is missing before this `:`")
            case Scalar() if "${" in node.text:
                self._note(node.mark, "references such as ${env:NAME} work in values, not in keys")
            case Scalar() if not node.text.isprintable():
                self._note(node.mark, "a key must be printable text on one line")
            case Scalar():
                return node.text
            case _:
                self._note(node.mark, "a key must be one word or text, not a list or mapping")
        return _UNUSABLE

    def _refuse_depth(self, event: yaml.Event) -> None:
        if len(self._path) >= MAX_DEPTH:
            self._path.clear()
            raise self._stop(_mark(event), f"goes more than {MAX_DEPTH} levels deep")

    def _note(self, mark: Mark, message: str, *below: str | int) -> None:
        shown = show_path((*self._path, *below))
        self._problems.errors.append(
            ConfigIssue(self._file, mark.line, mark.column, shown, message)
        )

    def _stop(self, mark: Mark, message: str) -> ConfigError:
        self._note(mark, message)
        return ConfigError(self._problems.errors)


def _mark(event: yaml.Event) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)
