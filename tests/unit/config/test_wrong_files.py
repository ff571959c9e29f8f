"""Wrong files and their exact messages: position, path, rule, remedy."""

from pathlib import Path

import pytest

from config.loader import load_operator_config
from config.problems import ConfigError

CANARY = "CANARY-SECRET"
ENVIRONMENT = {"LEVER_USER": "u", "EMPTY_ONE": "", "SECRET_WORD": CANARY}

ACME = "version: 1\nintegrations:\n  acme:\n    connector: lever\n"

WRONG_FILES: dict[str, tuple[str, list[str]]] = {
    "an empty file": (
        "",
        ["1:1  the file is empty"],
    ),
    "a file of comments": (
        "# nothing\n",
        ["1:1  the file is empty"],
    ),
    "only null": (
        "null\n",
        ["1:1  must be a mapping (key: value)"],
    ),
    "a list instead of a mapping": (
        "- version: 1\n",
        ["1:1  must be a mapping (key: value)"],
    ),
    "a single word": (
        "hello\n",
        ["1:1  must be a mapping (key: value)"],
    ),
    "a tab for indentation": (
        "version: 1\nintegrations:\n\tacme: {}\n",
        ["3:1  a tab cannot indent or separate YAML; use spaces"],
    ),
    "a quote never closed": (
        "version: 1\nconnector_paths: ['a\nb: 1\n",
        ["2:19  the quote that opens here is never closed"],
    ),
    "a list never closed": (
        "version: 1\nconnector_paths: [a, b\nclearview: {}\n",
        [
            "3:10  the list that opens with `[` is not closed, or a `,` is missing (opened on line 2)"
        ],
    ),
    "a mapping never closed": (
        "version: 1\nclearview: {mongodb: {database: x}\nintegrations: {}\n",
        [
            "3:1  the mapping that opens with `{` is not closed, or a `,` is missing (opened on line 2)"
        ],
    ),
    "a colon inside unquoted text": (
        "version: 1\nintegrations: a: b\n",
        [
            "2:16  a `:` is not expected here; check this line's indentation, or quote a text that contains `: `"
        ],
    ),
    "indentation that fits nothing": (
        "version: 1\n  clearview: {}\n",
        [
            "2:12  a `:` is not expected here; check this line's indentation, or quote a text that contains `: `"
        ],
    ),
    "a less indented key": (
        "clearview:\n    mongodb: {}\n  analytics: {mode: mongodb}\n",
        ["3:3  does not fit the lines above; check indentation, quotes and `-`"],
    ),
    "a key without a colon": (
        "version: 1\nclearview\nintegrations: {}\n",
        ["2:1  a `:` is missing after this key"],
    ),
    "a value that starts with an at sign": (
        "version: @1\n",
        ["1:10  a text cannot start with this character; put it in quotes"],
    ),
    "an unknown escape": (
        'version: 1\nconnector_paths: ["C:\\dir"]\n',
        ["2:23  an escape in \"…\" is unknown; write \\\\ or use '…'"],
    ),
    "a control character": (
        "version: 1\nclear\x07view: {}\n",
        ["2:6  a control character is not allowed; remove or escape it"],
    ),
    "text after a block mark": (
        "version: | 1\n",
        ["1:12  text after `|` or `>` belongs on the next, indented line"],
    ),
    "a second document": (
        "version: 1\n---\nversion: 1\n",
        ["2:1  a second document starts here; one file is one document"],
    ),
    "an anchor and its alias": (
        "version: &v 1\nclearview: *v\n",
        [
            "1:10  version: anchors (&) are not supported; remove this one",
            "2:12  clearview: aliases (*) are not supported; write the value out",
        ],
    ),
    "a merge key": (
        ACME + "    poll: {<<: {every: 5m}}\n",
        ["5:12  integrations.acme.poll: merge keys (<<) are not supported; write the keys out"],
    ),
    "a tag": (
        "version: !!int 1\n",
        ["1:10  version: tags (!) are not supported; quote the text if it starts so"],
    ),
    "a duplicate key": (
        ACME + "    enabled: true\n    enabled: false\n",
        ["6:5  integrations.acme.enabled: is given twice (first on line 5)"],
    ),
    "a duplicate integration": (
        ACME + "  acme:\n    connector: ashby\n",
        ["5:3  integrations.acme: is given twice (first on line 3)"],
    ),
    "a list as a key": (
        "version: 1\n? [a]\n: b\n",
        ["2:3  a key must be one word or text, not a list or mapping"],
    ),
    "a key with a reference": (
        "version: 1\n${env:HOME}: {}\n",
        ["2:1  references such as ${env:NAME} work in values, not in keys"],
    ),
    "a key that is missing": (
        "version: 1\n: x\n",
        ["2:1  does not fit the lines above; check indentation, quotes and `-`"],
    ),
    "an escape for half a character": (
        'version: 1\nconnector_paths: ["\\ud800"]\n',
        ["2:19  connector_paths[0]: has an escape that is no character"],
    ),
    "too many levels": (
        "version: 1\nclearview: " + "[" * 40 + "]" * 40,
        ["2:43  goes more than 32 levels deep"],
    ),
    "no version": (
        "integrations: {}\n",
        ["1:1  version: is required"],
    ),
    "another version": (
        "version: 2\n",
        ["1:10  version: must be 1"],
    ),
    "a version in quotes": (
        'version: "1"\n',
        ["1:10  version: must be 1, without quotes"],
    ),
    "a truth value for the version": (
        "version: true\n",
        ["1:10  version: must be 1"],
    ),
    "an unknown key with a near one": (
        ACME + "    pol: {every: 5m}\n",
        ['5:5  integrations.acme.pol: unknown key (did you mean "poll"?)'],
    ),
    "an unknown key with none near": (
        ACME + "    poll: {colour: red}\n",
        [
            "5:12  integrations.acme.poll.colour: unknown key; known here: every, every_with_webhooks, jitter, overlap, sweep_every"
        ],
    ),
    "a key with a hyphen for an underscore": (
        ACME + "    connector-paths: []\n    acting-user: x\n",
        [
            '5:5  integrations.acme.connector-paths: unknown key (did you mean "connector"?)',
            '6:5  integrations.acme.acting-user: unknown key (did you mean "acting_user"?)',
        ],
    ),
    "a key without a value": (
        ACME + "    poll:\n",
        ["5:5  integrations.acme.poll: has no value; give it one, or remove the key"],
    ),
    "a required key that is missing": (
        "version: 1\nintegrations:\n  acme:\n    enabled: true\n",
        ["3:3  integrations.acme.connector: is required"],
    ),
    "a required key that is missing in flow style": (
        "version: 1\nintegrations: {acme: {}}\n",
        ["2:16  integrations.acme.connector: is required"],
    ),
    "null for a required key": (
        "version: 1\nintegrations: {acme: {connector: null}}\n",
        [
            "2:34  integrations.acme.connector: must have a value; put the word null in quotes if that word is meant"
        ],
    ),
    "an integration with a capital letter": (
        "version: 1\nintegrations:\n  Acme: {connector: lever}\n",
        [
            "3:3  integrations.Acme: must be a name of small letters, digits and hyphens, at most 63, not starting with -"
        ],
    ),
    "yes for true": (
        ACME + "    enabled: yes\n",
        ['5:14  integrations.acme.enabled: must be true or false (did you mean "true"?)'],
    ),
    "True for true": (
        ACME + "    enabled: True\n",
        ['5:14  integrations.acme.enabled: must be true or false (did you mean "true"?)'],
    ),
    "true in quotes": (
        ACME + '    enabled: "true"\n',
        ["5:14  integrations.acme.enabled: must be true or false, without quotes"],
    ),
    "a number for a truth value": (
        ACME + "    push: {enabled: 1}\n",
        ['5:21  integrations.acme.push.enabled: must be true or false (did you mean "true"?)'],
    ),
    "a word for a number": (
        ACME + "    deletions: {max_percent: ten}\n",
        ["5:30  integrations.acme.deletions.max_percent: must be a number"],
    ),
    "an octal-looking number": (
        ACME + "    deletions: {max_percent: 010}\n",
        ["5:30  integrations.acme.deletions.max_percent: must be a number"],
    ),
    "a percentage above its limit": (
        ACME + "    deletions: {max_percent: 101}\n",
        ["5:30  integrations.acme.deletions.max_percent: must be at most 100"],
    ),
    "a duration without a unit": (
        ACME + "    poll: {every: 300}\n",
        [
            "5:19  integrations.acme.poll.every: must be a duration with a unit, such as 90s, 5m, 24h or 7d; the unit is missing"
        ],
    ),
    "a duration in words": (
        ACME + "    poll: {every: 5 minutes}\n",
        [
            "5:19  integrations.acme.poll.every: must be a duration: one whole number and a unit, such as 90s, 5m, 24h or 7d"
        ],
    ),
    "a duration that looks like a time of day": (
        ACME + "    poll: {every: 12:30:00}\n",
        [
            "5:19  integrations.acme.poll.every: must be a duration: one whole number and a unit, such as 90s, 5m, 24h or 7d"
        ],
    ),
    "a poll that is too frequent": (
        ACME + "    poll:\n      every: 1s\n",
        ["6:14  integrations.acme.poll.every: must be from 10s to 7d, got 1s"],
    ),
    "a sweep more frequent than the poll": (
        ACME + "    poll:\n      every: 2h\n      sweep_every: 1h\n",
        [
            "7:20  integrations.acme.poll.sweep_every: must not be shorter than `every` (also line 6)"
        ],
    ),
    "polls that webhooks do not make rarer": (
        ACME + "    poll:\n      every: 2h\n      every_with_webhooks: 2h\n",
        [
            "7:28  integrations.acme.poll.every_with_webhooks: must be longer than `every` (also line 6)"
        ],
    ),
    "polls that webhooks make rarer than sweeps": (
        ACME + "    poll:\n      sweep_every: 6h\n      every_with_webhooks: 7h\n",
        [
            "7:28  integrations.acme.poll.every_with_webhooks: must not be longer than `sweep_every`: a sweep is a poll (also line 6)"
        ],
    ),
    "a jitter without a percent sign": (
        ACME + "    poll: {jitter: 0.1}\n",
        ["5:20  integrations.acme.poll.jitter: must be a percentage, such as 10%"],
    ),
    "a jitter above its limit": (
        ACME + "    poll: {jitter: 51%}\n",
        ["5:20  integrations.acme.poll.jitter: must be from 0% to 50%, got 51%"],
    ),
    "a mapping instead of text": (
        ACME + "    acting_user: {id: 7}\n",
        ["5:18  integrations.acme.acting_user: must be text; this is a mapping"],
    ),
    "a block of keys instead of text": (
        ACME + "    acting_user:\n      id: 7\n",
        ["5:5  integrations.acme.acting_user: must be text; this is a mapping"],
    ),
    "a list instead of a mapping of options": (
        ACME + "    options: [a]\n",
        ["5:14  integrations.acme.options: must be a mapping (key: value)"],
    ),
    "text instead of a list of stages": (
        ACME + "    statuses:\n      interview: Onsite\n",
        [
            "6:18  integrations.acme.statuses.interview: must be a list; write [a, b], or one `- ` line per item"
        ],
    ),
    "no stages for a status": (
        ACME + "    statuses: {interview: []}\n",
        ["5:27  integrations.acme.statuses.interview: must not be empty"],
    ),
    "an empty stage name": (
        ACME + '    statuses: {interview: ["Onsite", ""]}\n',
        ["5:38  integrations.acme.statuses.interview[1]: must not be empty"],
    ),
    "an unknown status": (
        ACME + "    statuses:\n      intervew: [Onsite]\n",
        [
            '6:7  integrations.acme.statuses.intervew: must be one of new, reviewing, screening, assessment, interview, background_check, offer, hired, rejected, withdrawn (did you mean "interview"?)'
        ],
    ),
    "a stage under two statuses": (
        ACME
        + "    statuses:\n      interview: [Onsite]\n      offer:\n        - Offer\n        - onsite\n",
        [
            "9:11  integrations.acme.statuses.offer[1]: this stage is mapped twice, also to interview (also line 6)"
        ],
    ),
    "a stage twice under one status": (
        ACME + "    statuses: {interview: [Onsite, Onsite]}\n",
        ["5:36  integrations.acme.statuses.interview[1]: this stage is listed twice (also line 5)"],
    ),
    "an unknown conflict rule": (
        ACME + "    push: {conflicts: ats_win}\n",
        [
            '5:23  integrations.acme.push.conflicts: must be one of ats_wins, clearview_wins, newest_wins (did you mean "ats_wins"?)'
        ],
    ),
    "an unknown deletion policy": (
        ACME + "    deletions: {policy: purge}\n",
        ["5:25  integrations.acme.deletions.policy: must be one of mark, ignore, erase"],
    ),
    "an endpoint without a scheme": (
        ACME + "    endpoint: api.lever.co/v1\n",
        ["5:15  integrations.acme.endpoint: must be an address such as https://host/path"],
    ),
    "an endpoint with a password": (
        ACME + "    endpoint: https://me:CANARY-SECRET@api.lever.co/v1\n",
        [
            "5:15  integrations.acme.endpoint: must not carry a user name or password; use credentials or token"
        ],
    ),
    "an endpoint with a query": (
        ACME + "    endpoint: https://api.lever.co/v1?key=CANARY-SECRET\n",
        ["5:15  integrations.acme.endpoint: must not carry a query (?) or fragment (#)"],
    ),
    "a list as a credential": (
        ACME + "    credentials: {api_key: [CANARY-SECRET]}\n",
        ["5:28  integrations.acme.credentials.api_key: must be text; this is a list"],
    ),
    "a database address of another kind": (
        "version: 1\nclearview: {mongodb: {uri: 'postgres://u:CANARY-SECRET@h'}}\n",
        ["2:28  clearview.mongodb.uri: must start with mongodb:// or mongodb+srv://"],
    ),
    "a misspelt option in a database address": (
        "version: 1\nclearview: {mongodb: {uri: 'mongodb://CANARY-SECRET/?replicaset=x&W=1&readPreferance=y'}}\n",
        [
            (
                "2:28  clearview.mongodb.uri: option 3 has a name that MongoDB's drivers do not "
                "know; did you mean readPreference?"
            ),
        ],
    ),
    "the server's own database": (
        "version: 1\nclearview: {mongodb: {database: local}}\n",
        [
            (
                "2:33  clearview.mongodb.database: must not be admin, local or config: these are "
                "the server's own"
            ),
        ],
    ),
    "a database name that MongoDB does not allow": (
        "version: 1\nclearview: {mongodb: {database: clear view}}\n",
        ["2:33  clearview.mongodb.database: must match the pattern ^[A-Za-z0-9_-]{1,63}$"],
    ),
    "an unknown mode": (
        "version: 1\nclearview: {candidates: {mode: htp, url: 'https://x.example'}}\n",
        ['2:32  clearview.candidates.mode: must be one of mongodb, http (did you mean "http"?)'],
    ),
    "a mode that is missing": (
        "version: 1\nclearview:\n  analytics: {url: 'https://x.example'}\n",
        ["3:3  clearview.analytics.mode: is required; one of mongodb, http"],
    ),
    "an http mode without its token": (
        "version: 1\nclearview:\n  candidates:\n    mode: http\n    url: https://x.example\n",
        ["3:3  clearview.candidates.token: is required"],
    ),
    "a key of another mode": (
        "version: 1\nclearview:\n  candidates:\n    mode: mongodb\n    url: https://x.example\n",
        ["5:5  clearview.candidates.url: unknown key; known here: mode"],
    ),
    "a notification of an unknown kind": (
        "version: 1\nclearview:\n  notifications:\n    - {kind: slack, url: 'CANARY-SECRET'}\n",
        ["4:14  clearview.notifications[0].kind: must be one of http, apprise"],
    ),
    "a notification as text": (
        "version: 1\nclearview:\n  notifications: [CANARY-SECRET]\n",
        ["3:19  clearview.notifications[0]: must be a mapping (key: value)"],
    ),
    "a variable that is not set": (
        ACME + '    credentials: {api_key: "${env:ACME_KEY}"}\n',
        [
            "5:29  integrations.acme.credentials.api_key: environment variable ACME_KEY is not set; set it, or write ${env:ACME_KEY:-default}"
        ],
    ),
    "a variable with a near name": (
        ACME + "    acting_user: ${env:LEVR_USER}\n",
        [
            '5:18  integrations.acme.acting_user: environment variable LEVR_USER is not set; set it, or write ${env:LEVR_USER:-default} (did you mean "LEVER_USER"?)'
        ],
    ),
    "a variable that is empty": (
        ACME + "    acting_user: ${env:EMPTY_ONE}\n",
        [
            "5:18  integrations.acme.acting_user: environment variable EMPTY_ONE is empty; set it, or write ${env:EMPTY_ONE:-default}"
        ],
    ),
    "two references in one value": (
        ACME + '    endpoint: "https://${env:NO_HOST}/${env:NO_PATH}"\n',
        [
            "5:24  integrations.acme.endpoint: environment variable NO_HOST is not set; set it, or write ${env:NO_HOST:-default}",
            "5:39  integrations.acme.endpoint: environment variable NO_PATH is not set; set it, or write ${env:NO_PATH:-default}",
        ],
    ),
    "a reference on the second line of a text": (
        ACME + '    acting_user: "a\n      b ${env:NO_USER}"\n',
        [
            "6:9  integrations.acme.acting_user: environment variable NO_USER is not set; set it, or write ${env:NO_USER:-default}"
        ],
    ),
    "an unknown kind of reference": (
        ACME + "    acting_user: ${vault:secret/x}\n",
        [
            "5:18  integrations.acme.acting_user: is no known reference; write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}; $${ is a plain ${"
        ],
    ),
    "a reference in the shell's form": (
        ACME + "    acting_user: $${ok} ${HOME}\n",
        [
            "5:25  integrations.acme.acting_user: is no known reference; write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}; $${ is a plain ${"
        ],
    ),
    "a reference never closed": (
        ACME + "    acting_user: ${env:HOME\n",
        [
            "5:18  integrations.acme.acting_user: the reference that opens with ${ is never closed with }"
        ],
    ),
    "a variable name with a hyphen": (
        ACME + "    acting_user: ${env:MY-NAME}\n",
        [
            "5:18  integrations.acme.acting_user: is no known reference; write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}; $${ is a plain ${"
        ],
    ),
    "a referenced file that does not exist": (
        ACME + '    credentials: {api_key: "${file:./absent}"}\n',
        ["5:29  integrations.acme.credentials.api_key: file ./absent does not exist"],
    ),
    "a referenced folder": (
        ACME + '    credentials: {api_key: "${file:.}"}\n',
        ["5:29  integrations.acme.credentials.api_key: . is a directory, not a file"],
    ),
    "a referenced file that is empty": (
        ACME + '    credentials: {api_key: "${file:empty.txt}"}\n',
        ["5:29  integrations.acme.credentials.api_key: file empty.txt is empty"],
    ),
    "a referenced file that is too large": (
        ACME + '    credentials: {api_key: "${file:large.txt}"}\n',
        ["5:29  integrations.acme.credentials.api_key: file large.txt is larger than 65536 bytes"],
    ),
    "a referenced file that is no text": (
        ACME + '    credentials: {api_key: "${file:binary.bin}"}\n',
        ["5:29  integrations.acme.credentials.api_key: file binary.bin is not UTF-8 text"],
    ),
    "a resolved value of the wrong kind": (
        ACME + '    enabled: ${env:SECRET_WORD}\n    poll: {every: "${env:SECRET_WORD}"}\n',
        [
            "5:14  integrations.acme.enabled: must be true or false",
            "6:19  integrations.acme.poll.every: must be a duration: one whole number and a unit, such as 90s, 5m, 24h or 7d",
        ],
    ),
    "a folder of connectors that does not exist": (
        "version: 1\nconnector_paths:\n  - ./absent\n",
        ["3:5  connector_paths[0]: no such folder; it is relative to this file"],
    ),
    "many mistakes at once": (
        "version: 2\nclearvew: {}\nintegrations:\n  acme:\n    conector: lever\n    poll: {every: 1s, jitter: 10}\n    statuses: {hird: [Hired]}\n  other:\n    connector: ashby\n    enabled: maybe\n",
        [
            "1:10  version: must be 1",
            '2:1  clearvew: unknown key (did you mean "clearview"?)',
            "4:3  integrations.acme.connector: is required",
            '5:5  integrations.acme.conector: unknown key (did you mean "connector"?)',
            "6:19  integrations.acme.poll.every: must be from 10s to 7d, got 1s",
            "6:31  integrations.acme.poll.jitter: must be a percentage, such as 10%",
            '7:16  integrations.acme.statuses.hird: must be one of new, reviewing, screening, assessment, interview, background_check, offer, hired, rejected, withdrawn (did you mean "hired"?)',
            "10:14  integrations.other.enabled: must be true or false",
        ],
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files that references may lead to."""
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "large.txt").write_text("x" * 70_000)
    (tmp_path / "binary.bin").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("text", "expected"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_a_wrong_file_is_refused_with_every_mistake_at_its_position(
    folder: Path, text: str, expected: list[str]
) -> None:
    (folder / "f.yaml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_operator_config(Path("f.yaml"), environment=ENVIRONMENT)

    assert [str(p).removeprefix("f.yaml:") for p in caught.value.problems] == expected
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)


def test_no_file_says_how_to_get_one(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_operator_config(Path("absent.yaml"))

    assert str(caught.value.problems[0]) == (
        "absent.yaml  no such file; copy the sample config/ats-sync.yaml there, "
        "or name another file with --config or ATS_SYNC_CONFIG"
    )


def test_a_directory_is_not_read_as_a_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory; name a YAML file in it"):
        load_operator_config(folder)


def test_a_dangling_link_is_an_absent_file(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("nowhere.yaml")

    with pytest.raises(ConfigError, match="no such file"):
        load_operator_config(Path("link.yaml"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"version: 1\nx: \xe9\n", "f.yaml:2:4  the file is not UTF-8 from here; save it as UTF-8"),
        ("version: 1\n".encode("utf-16"), "f.yaml:1:1  the file is UTF-16; save it as UTF-8"),
        ("version: 1\n".encode("utf-32"), "f.yaml:1:1  the file is UTF-32; save it as UTF-8"),
        (
            b"#" * (1024 * 1024 + 1),
            "f.yaml:1:1  the file has 1048577 bytes; at most 1048576 are read",
        ),
    ],
    ids=["latin-1", "utf-16", "utf-32", "too large"],
)
def test_what_is_no_small_utf8_file_is_refused(folder: Path, content: bytes, expected: str) -> None:
    (folder / "f.yaml").write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_operator_config(Path("f.yaml"))

    assert str(caught.value.problems[0]) == expected


def test_a_byte_order_mark_and_windows_line_ends_are_welcome(folder: Path) -> None:
    (folder / "f.yaml").write_bytes(b"\xef\xbb\xbfversion: 1\r\nintegrations: {}\r\n")

    assert load_operator_config(Path("f.yaml")).value.version == 1
