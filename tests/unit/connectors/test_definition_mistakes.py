"""Every way to get a definition wrong that we could think of, and what the author reads."""

from pathlib import Path

import pytest

from config.problems import ConfigError
from connectors.definition import load_definition_text
from tests.support.definitions import ACME, spoilt

MISTAKES: list[tuple[str, str, list[str]]] = [
    (
        "title: Acme Hire",
        "titel: Acme Hire",
        ["1:1  title: is required", '2:1  titel: unknown key (did you mean "title"?)'],
    ),
    (
        "connector: acme\n",
        "connector: Acme\n",
        [
            "1:12  connector: must be a name of small letters, digits and hyphens, at most 63, not starting with -"
        ],
    ),
    (
        "connector: acme\n",
        "connector: other\n",
        ["1:12  connector: must be the file's name without its ending, acme"],
    ),
    (
        "  version: v2\n",
        "  version: v2\n  sunset: 31.08.2027\n",
        ["6:11  api.sunset: must be a date, such as 2026-11-23"],
    ),
    (
        "  version: v2\n",
        "  version: v2\n  sunset: 2027-13-01\n",
        ["6:11  api.sunset: must be a date, such as 2026-11-23"],
    ),
    (
        "base_url: https://api",
        "base_url: ftp://api",
        ["4:13  api.base_url: must begin with https:// (or http://)"],
    ),
    (
        "{options.version}",
        "{options.verson}",
        [
            '6:28  api.headers.X-Api-Version: {options.verson} is used, but `options` declares no `verson` (did you mean "options.version"?)',
            "13:3  options.version: is declared but used nowhere",
        ],
    ),
    (
        "{options.version}",
        "{option.version}",
        [
            '6:28  api.headers.X-Api-Version: unknown placeholder {option.version}; known here: acting_user, credentials.api_key, credentials.hook_secret, now, options.version, today (did you mean "options.version"?)',
            "13:3  options.version: is declared but used nowhere",
        ],
    ),
    (
        "{options.version}",
        "{ options.version }",
        [
            "6:28  api.headers.X-Api-Version: { options.version } is no placeholder; write {name}, {name:int} or {name:number}, and each brace that belongs to the text itself twice: {{ or }}",
            "13:3  options.version: is declared but used nowhere",
        ],
    ),
    (
        "auth: {kind: header",
        "auth: {kind: heather",
        [
            '8:14  auth.kind: must be one of none, header, basic, bearer, query, oauth2, login (did you mean "header"?)'
        ],
    ),
    (
        "auth: {kind: header, name: X-Api-Key,",
        "auth: {kind: header,",
        ["8:1  auth.name: is required"],
    ),
    (
        'auth: {kind: header, name: X-Api-Key, value: "{credentials.api_key}"}',
        'auth: {kind: basic, username: "{credentials.key}"}',
        [
            '8:31  auth.username: {credentials.key} is used, but `credentials` declares no `key` (did you mean "credentials.api_key"?)',
            "10:3  credentials.api_key: is declared but used nowhere",
        ],
    ),
    (
        'auth: {kind: header, name: X-Api-Key, value: "{credentials.api_key}"}',
        'auth: {kind: oauth2, grant: refresh_token, token_url: "https://a.example/t", client_id: x, client_secret: "{credentials.api_key}"}',
        ["8:7  auth: the grant refresh_token needs `refresh_token`"],
    ),
    (
        'auth: {kind: header, name: X-Api-Key, value: "{credentials.api_key}"}',
        'auth: {kind: oauth2, grant: password, token_url: "https://a.example/t", client_id: x, client_secret: "{credentials.api_key}"}',
        ["8:29  auth.grant: must be one of client_credentials, refresh_token"],
    ),
    (
        'value: "{credentials.api_key}"}',
        "value: fixed}",
        ["10:3  credentials.api_key: is declared but used nowhere"],
    ),
    (
        "  api_key: {description: API key}",
        "  api_key: {}",
        ["10:3  credentials.api_key.description: is required"],
    ),
    (
        'pattern: "[0-9-]+"',
        'pattern: "[0-9-"',
        ["13:68  options.version.pattern: is no regular expression: unterminated character set"],
    ),
    (
        'default: "2026-01"',
        'default: "January"',
        ["13:48  options.version.default: does not match the option's own `pattern`"],
    ),
    (
        "acting_user: {needed: writes, description: Id of a user}\n",
        "",
        [
            "70:106  writes.move.request.body.by: {acting_user} is used, but the definition declares no `acting_user`"
        ],
    ),
    (
        "needed: writes",
        "needed: always",
        ["14:23  acting_user.needed: must be one of writes, optional"],
    ),
    (
        ', by: "{acting_user}"',
        "",
        ["14:14  acting_user: is declared but {acting_user} is used nowhere"],
    ),
    (
        "per: 10s",
        "per: 10 seconds",
        [
            "17:41  limits.budgets[0].per: must be a duration: one whole number and a unit, such as 90s, 5m, 24h or 7d"
        ],
    ),
    ("requests: 50", "requests: 0", ["17:32  limits.budgets[0].requests: must be at least 1"]),
    (
        "requests: 50",
        "requests: many",
        ["17:32  limits.budgets[0].requests: must be a whole number"],
    ),
    (
        "reset_as: seconds_left",
        "reset_as: seconds",
        [
            '17:79  limits.budgets[0].reset_as: must be one of epoch_s, epoch_ms, seconds_left (did you mean "seconds_left"?)'
        ],
    ),
    (
        "only: [candidates]",
        "only: [candidate]",
        [
            '18:46  limits.budgets[1].only[0]: there is no list "candidate"; write a list, `writes` or `token` (did you mean "candidates"?)'
        ],
    ),
    (
        "ok_when: ok",
        "ok_when: ok ==",
        ["20:12  errors.ok_when: is not a JMESPath expression: reading stopped at character 6"],
    ),
    (
        "on: [page], then: cursor",
        "on: [pages], then: cursor",
        [
            '22:28  errors.rules[0].on[0]: must be one of list, page, fetch, lookup, write, check (did you mean "page"?)'
        ],
    ),
    (
        "then: cursor}",
        "then: restart}",
        [
            '22:41  errors.rules[0].then: must be one of auth, forbidden, not_found, rate, retry, cursor, guard, skip, fatal (did you mean "retry"?)'
        ],
    ),
    (
        "{header: X-Error, matches: slow, then: rate}",
        "{matches: slow, then: rate}",
        ["23:7  errors.rules[1]: has `matches` without `header`"],
    ),
    (
        "{header: X-Error, matches: slow, then: rate}",
        "{then: rate}",
        ["23:7  errors.rules[1]: needs a condition: status, when, or header"],
    ),
    (
        "matches: slow",
        'matches: "slow("',
        [
            "23:34  errors.rules[1].matches: is no regular expression: missing ), unterminated subpattern"
        ],
    ),
    (
        "    holds: candidates\n",
        "    holds: candidate\n",
        [
            '26:12  lists.candidates.holds: must be one of candidates, applications, both, lookup (did you mean "candidates"?)'
        ],
    ),
    (
        "request: {get: /candidates, query",
        "request: {get: /candidates, post: /x, query",
        [
            "27:14  lists.candidates.request: needs exactly one of get, post, put, patch, delete; it has get and post"
        ],
    ),
    (
        "    request: {get: /applications}\n",
        "    request: {query: {a: b}}\n",
        [
            "35:14  lists.applications.request: needs exactly one of get, post, put, patch, delete; it has none"
        ],
    ),
    (
        "    request: {get: /applications}\n",
        "    request: {post: /applications, body: {a: b}, form: {c: d}}\n",
        [
            "35:14  lists.applications.request: has both `body` and `form`; a request has one of them"
        ],
    ),
    (
        "kind: cursor, parameter: cursor, at: next",
        "kind: curser, parameter: cursor, at: next",
        [
            '29:24  lists.candidates.pagination.kind: must be one of none, page, offset, cursor, link_header, next_url (did you mean "cursor"?)'
        ],
    ),
    (
        "at: next, more: more",
        "more: more",
        ["29:17  lists.candidates.pagination: needs exactly one of `at` and `header`"],
    ),
    (
        "at: next, more: more",
        "at: next-page",
        [
            '29:55  lists.candidates.pagination.at: is not a JMESPath expression: reading stopped at character 5; write a name with a hyphen as "next-page"'
        ],
    ),
    (
        "at: next, more: more",
        "at: next, send_in: body",
        [
            "29:70  lists.candidates.pagination.send_in: is sent in the body, but the request has no JSON body"
        ],
    ),
    (
        "    cursor: {kind: none}\n",
        "",
        [
            "33:3  lists.applications: needs `cursor`; write {kind: none} where the ATS cannot say what changed"
        ],
    ),
    (
        'field: updated_at, query: {since: "{from}"}',
        "field: updated_at",
        ["30:13  lists.candidates.cursor: never asks: {from} is neither in `query` nor in `body`"],
    ),
    (
        'query: {since: "{from}"}',
        'query: {since: "{since}"}',
        [
            "30:13  lists.candidates.cursor: never asks: {from} is neither in `query` nor in `body`",
            "30:66  lists.candidates.cursor.query.since: unknown placeholder {since}; known here: from, to",
        ],
    ),
    (
        ", format: iso}\n    fetch",
        ", format: isoo}\n    fetch",
        ["30:13  lists.candidates.cursor: format 'isoo' is no time format; see the reference"],
    ),
    (
        "kind: updated_at, field: updated_at,",
        "kind: updated_at, field: created_at, create_only: true,",
        [
            "30:64  lists.candidates.cursor.create_only: records change, but the ATS sets this moment only at creation: changes would be missed; take another field, or {kind: none}"
        ],
    ),
    (
        "kind: updated_at, field: updated_at,",
        'kind: updated_at, field: "updated_at[",',
        [
            "30:39  lists.candidates.cursor.field: is not a JMESPath expression: reading stopped at character 12"
        ],
    ),
    (
        '"/candidates/{id}"}, records',
        "/candidates}, records",
        ["31:22  lists.candidates.fetch.request: needs {id} or {ids}: which records to read"],
    ),
    (
        'query: {ids: "{ids}"}}, records: data, batch: 50',
        'query: {id: "{id}"}}, records: data, batch: 50',
        ["39:87  lists.applications.fetch.batch: several ids in a request need {ids} in it"],
    ),
    (
        '    volatile: ["files[].url"]',
        '    volatile: ["$.files url"]',
        [
            "32:16  lists.candidates.volatile[0]: must be names with dots between, such as files[].url"
        ],
    ),
    (
        '    volatile: ["files[].url"]',
        "    rotates: true",
        ["32:14  lists.candidates.rotates: has no meaning without `volatile`"],
    ),
    (
        "stage: {list: stages, key",
        "stage: {list: stage, key",
        [
            '41:21  lists.applications.joins.stage.list: there is no list "stage" (did you mean "stages"?)'
        ],
    ),
    (
        "key: reason_id}",
        "key: joined.raeson.id}",
        [
            "42:36  lists.applications.joins.reason.key: reads joined.raeson, which is no join declared before this one"
        ],
    ),
    (
        "stage: {list: stages, key: stage_id}",
        "stage: {list: stages, key: stage_id, load: needed}",
        [
            "41:50  lists.applications.joins.stage.load: lists.stages has no `fetch` to read only what is needed by"
        ],
    ),
    (
        "stage: {list: stages, key: stage_id}",
        "stage: {list: stages, key: stage_id}\n      job: {list: openings, key: job_id}",
        ["42:7  lists.applications.joins.job: nothing reads joined.job"],
    ),
    (
        "stages: {holds: lookup, request: {get: /stages}",
        "stages: {holds: lookup, cursor: {kind: none}, request: {get: /stages}",
        ["43:27  lists.stages.cursor: has no meaning on a lookup list"],
    ),
    (
        "  openings: {holds",
        "  users: {holds: lookup, request: {get: /users}}\n  openings: {holds",
        ["45:3  lists.users: nothing uses this list; join it, name it in `writes`, or remove it"],
    ),
    (
        "  external_id: id\n  first_name",
        "  external_idd: id\n  first_name",
        [
            "46:1  candidate.external_id: is required",
            '47:3  candidate.external_idd: unknown key (did you mean "external_id"?)',
        ],
    ),
    (
        "{split_name: name, part: first}",
        "{splitname: name, part: first}",
        [
            '48:27  candidate.first_name.splitname: unknown function; known here: constant, parse_time, split_name, map, look_up, join_text, each (did you mean "split_name"?)'
        ],
    ),
    (
        "{split_name: name, part: first}",
        "{split_name: name, part: middle}",
        ["48:40  candidate.first_name.part: must be one of first, last"],
    ),
    (
        "{split_name: name, part: first}",
        "{split_name: name, part: {first: last}}",
        ["48:40  candidate.first_name.part: must be one of first, last"],
    ),
    (
        "{split_name: name, part: first}",
        "{split_name: name}",
        ["48:15  candidate.first_name: split_name needs `part`"],
    ),
    (
        "{split_name: name, part: first}",
        "{constant: x, join_text: [y]}",
        ["48:15  candidate.first_name: has two functions: constant, join_text; take one"],
    ),
    (
        "{split_name: name, part: first}",
        "12",
        [
            "48:15  candidate.first_name: must be a path, a list of paths, or a function such as {constant: …}"
        ],
    ),
    ("{split_name: name, part: first}", "[]", ["48:15  candidate.first_name: must not be empty"]),
    (
        "{each: emails, value: address, type: kind}",
        "{each: emails, value: address, typ: kind}",
        [
            '50:47  candidate.emails.typ: unknown key; known here: each, value, type (did you mean "type"?)'
        ],
    ),
    (
        "first_name: {split_name: name, part: first}",
        "first_name: {each: names, value: first}",
        ["48:22  candidate.first_name.each: this field holds one value; `each` makes several"],
    ),
    (
        "{parse_time: updated_at, format: iso}",
        "{parse_time: updated_at, format: epoc_ms}",
        [
            '52:57  candidate.external_updated_at.format: must be one of iso, iso_seconds, iso_space, epoch_ms, epoch_s, json_date, date, or a pattern such as %Y-%m-%d (did you mean "epoch_ms"?)'
        ],
    ),
    (
        "{parse_time: updated_at, format: iso}",
        "{map: updated_at, values: []}",
        [
            "52:50  candidate.external_updated_at.values: must be a mapping (vendor's word: our word)"
        ],
    ),
    (
        "name: joined.stage.name",
        "name: joined.stages.name",
        [
            '57:40  application.stage.name: reads joined.stages, but no such join is declared on its list (did you mean "stage"?)'
        ],
    ),
    (
        "name: joined.stage.name",
        "name: nme(stage)",
        [
            "57:40  application.stage.name: calls the unknown JMESPath function nme(); there are: abs, avg, ceil, contains, ends_with, floor, join, keys, length, map, max, max_by, merge, min, min_by, not_null, reverse, sort, sort_by, starts_with, sum, to_array, to_number, to_string, type, values"
        ],
    ),
    (
        "name: joined.stage.name",
        "name: stage..name",
        [
            "57:40  application.stage.name: is not a JMESPath expression: reading stopped at character 7"
        ],
    ),
    (
        "value: address, type",
        "value: joined.stage.x, type",
        [
            "50:33  candidate.emails.value: joins cannot be read inside `each`: its paths start at the item"
        ],
    ),
    (
        "  stage: {external_id: stage_id, name: joined.stage.name, kind: joined.stage.type}",
        "  stage: {external_id: stage_id, name: joined.stage.name}",
        [
            "63:3  statuses.kinds: is unreachable: application.stage does not say where a stage's `kind` is"
        ],
    ),
    (
        "  rejection_reason: joined.reason.text\n",
        "",
        [
            "42:7  lists.applications.joins.reason: nothing reads joined.reason",
            "64:3  statuses.reasons: is unreachable: application.rejection_reason is not mapped",
        ],
    ),
    (
        "  candidate_external_id: candidate_id\n",
        "",
        ["53:1  application.candidate_external_id: is required"],
    ),
    (
        "{when: archived, status: rejected}",
        "{when: archived, status: refused}",
        [
            "62:32  statuses.outcomes[0].status: must be one of new, reviewing, screening, assessment, interview, background_check, offer, hired, rejected, withdrawn"
        ],
    ),
    (
        "{when: archived, status: rejected}",
        "{when: joined.reson, status: rejected}",
        [
            '62:14  statuses.outcomes[0].when: reads joined.reson, but no such join is declared on its list (did you mean "reason"?)'
        ],
    ),
    (
        "kinds: {Offer: offer, Hired: hired}",
        "kinds: {Offer: offer, Hired: hire}",
        [
            '63:32  statuses.kinds.Hired: must be one of new, reviewing, screening, assessment, interview, background_check, offer, hired, rejected, withdrawn (did you mean "hired"?)'
        ],
    ),
    (
        "kinds: {Offer: offer, Hired: hired}",
        "kinds: {Offer: offer, OFFER: offer}",
        ['63:25  statuses.kinds.OFFER: kind "OFFER" is listed twice, without regard to case'],
    ),
    (
        "names: {screening: [Recruiter call]}",
        "names: {screening: [Recruiter call], interview: [recruiter call]}",
        [
            '64:52  statuses.names.interview[0]: stage "recruiter call" is listed twice (also line 64)'
        ],
    ),
    (
        "names: {screening: [Recruiter call]}",
        "names: {phone: [Recruiter call]}",
        [
            "64:11  statuses.names.phone: must be one of new, reviewing, screening, assessment, interview, background_check, offer, hired, rejected, withdrawn"
        ],
    ),
    (
        "reasons: {withdrawn: [Took another job]}",
        "reasons: {hired: [Took another job]}",
        ["65:13  statuses.reasons.hired: must be one of rejected, withdrawn"],
    ),
    (
        "  read: {list: applications}\n",
        "",
        [
            "69:3  writes.move: could take effect twice, so the application has to be read first; add `writes.read`, or `repeatable: true` if repeating it is harmless",
            "71:12  writes.move.guard: needs `writes.read`, which reads the application",
            "72:3  writes.reject: could take effect twice, so the application has to be read first; add `writes.read`, or `repeatable: true` if repeating it is harmless",
            "75:3  writes.hire: could take effect twice, so the application has to be read first; add `writes.read`, or `repeatable: true` if repeating it is harmless",
        ],
    ),
    (
        "read: {list: applications}",
        "read: {list: candidates}",
        ["67:16  writes.read.list: lists.candidates holds no applications"],
    ),
    (
        "read: {list: applications}",
        "read: {list: application}",
        ['67:16  writes.read.list: there is no list "application" (did you mean "applications"?)'],
    ),
    (
        "stages: {list: stages, kind: type,",
        "stages: {list: stage, kind: type,",
        ['68:18  writes.stages.list: there is no list "stage" (did you mean "stages"?)'],
    ),
    (
        "  stages: {list: stages, kind: type, scope: job_id, application_scope: job_id}\n",
        "",
        [
            "70:14  writes.move.request: sends a stage, but `writes.stages` does not say which there are"
        ],
    ),
    (
        "  reasons: {list: reasons, name: text}\n",
        "",
        [
            "73:14  writes.reject.request: sends a reason, but `writes.reasons` does not say which there are"
        ],
    ),
    (
        'to: "{stage_id}"',
        'to: "{stageid}"',
        [
            '71:88  writes.move.request.body.to: unknown placeholder {stageid} (did you mean "stage_id"?)'
        ],
    ),
    (
        "    guard: [stage_id]\n",
        "",
        ["71:14  writes.move.request: uses {guard}, but `guard` does not say where it comes from"],
    ),
    (
        'from: "{guard}", ',
        "",
        ["72:12  writes.move.guard: is declared, but {guard} is nowhere in the request"],
    ),
    (
        "guard: [stage_id]",
        "guard: [joined.stge.id]",
        ['72:13  writes.move.guard[0]: there is no join stge (did you mean "stage"?)'],
    ),
    (
        'body: {reason: "{reason_id}"}',
        "body: {reason: x}",
        [
            "75:19  writes.reject.needs_reason: a reason is needed, but {reason_id} or {reason_name} is nowhere in the request"
        ],
    ),
    (
        "/applications/{application_id}/reject",
        "/applications/reject",
        [
            "74:14  writes.reject.request: names no application: {application_id} or {candidate_id} must be in it"
        ],
    ),
    (
        "opening_id: {list: openings",
        "opening_id: {list: opening",
        [
            "45:3  lists.openings: nothing uses this list; join it, name it in `writes`, or remove it",
            '79:26  writes.hire.choose.opening_id.list: there is no list "opening" (did you mean "openings"?)',
        ],
    ),
    (
        'body: {opening: "{opening_id:int}"}',
        "body: {opening: 1}",
        [
            "79:7  writes.hire.choose.opening_id: is chosen, but {opening_id} is nowhere in the request"
        ],
    ),
    (
        "    needs_reason: true\n",
        "    needs_reason: true\n    allowed_from: [active]\n",
        ["76:20  writes.reject.allowed_from[0]: must be one of open, rejected, withdrawn, hired"],
    ),
    (
        "    needs_reason: true\n",
        "    needs_reason: yes\n",
        ['75:19  writes.reject.needs_reason: must be true or false (did you mean "true"?)'],
    ),
    (
        "  kind: per_application\n",
        "  kind: per_aplication\n",
        [
            '81:9  analytics.kind: must be one of report, per_application (did you mean "per_application"?)'
        ],
    ),
    (
        'value: "{value}"}',
        'value: "{score}"}',
        [
            "82:12  analytics.request: sends nothing: {value} must be in it",
            "82:89  analytics.request.body.value: unknown placeholder {score}; known here: acting_user, application_id, candidate_id, credentials.api_key, credentials.hook_secret, field, job_id, now, options.version, today, value",
        ],
    ),
    (
        "secret: hook_secret",
        "secret: hooksecret",
        [
            "11:3  credentials.hook_secret: is declared but used nowhere",
            '84:42  webhook.signature.secret: `credentials` declares no "hooksecret" (did you mean "hook_secret"?)',
        ],
    ),
    (
        ", header: X-Signature",
        "",
        ["84:14  webhook.signature: needs exactly one of `header` and `at`"],
    ),
    (
        "  unreject: Acme has no way back",
        "  unrejected: Acme has no way back",
        [
            '87:3  waivers.unrejected: must be one of move, reject, withdraw, unreject, hire, analytics, webhook, incremental, deletions, guard, attachments, custom_fields, reasons, tags, fetch, note, rejection_email (did you mean "unreject"?)'
        ],
    ),
    (
        "  unreject: Acme has no way back",
        "  move: Acme cannot move",
        ["87:3  waivers.move: is waived, but the definition has it"],
    ),
    (
        "    list: applications\n",
        "    list: aplications\n",
        ['90:11  tests[0].list: there is no list "aplications" (did you mean "applications"?)'],
    ),
    (
        "application: {status: rejected}",
        "application: {stauts: rejected}",
        ['93:19  tests[0].application.stauts: unknown field (did you mean "status"?)'],
    ),
    (
        "application: {status: rejected}",
        "application: {status: reject}",
        ['93:27  tests[0].application.status: is no canonical status (did you mean "rejected"?)'],
    ),
    (
        "    application: {status: rejected}\n",
        "",
        ["89:5  tests[0]: expects nothing; add `candidate` or `application`"],
    ),
    (
        "joined: {stage: {name: Offer}}",
        "joined: {stagee: {name: Offer}}",
        [
            '92:14  tests[0].joined.stagee: lists.applications has no such join (did you mean "stage"?)'
        ],
    ),
    (
        "title: Acme Hire\n",
        "title: Acme Hire\ntitle: Again\n",
        ["3:1  title: is given twice (first on line 2)"],
    ),
    (
        "title: Acme Hire",
        "title: &t Acme Hire",
        ["2:8  title: anchors (&) are not supported; remove this one"],
    ),
    ("title: Acme Hire", "title:", ["2:1  title: has no value; give it one, or remove the key"]),
    (
        "parameter: page, done: last}",
        "parameter: page, done: last, send_in: body}",
        [
            "37:68  lists.applications.pagination.send_in: is sent in the body, but the request has no JSON body"
        ],
    ),
    (
        "parameter: page, done: last}",
        "parameter: page, done: last, send_in: path}",
        [
            "37:68  lists.applications.pagination.send_in: is sent in the path, but {page} is not in the request's path"
        ],
    ),
    (
        "request: {get: /applications}\n",
        'request: {get: "/applications/page/{page}"}\n',
        [
            "37:17  lists.applications.pagination: needs `send_in: path`, because {page} is in the request's path"
        ],
    ),
    (
        "request: {get: /applications}\n",
        'request: {get: "/jobs/{scope}/applications"}\n',
        [
            "35:14  lists.applications.request: uses {scope}; say in `scopes` for which list's records this one is walked"
        ],
    ),
    (
        "request: {get: /applications}\n",
        "scopes: openings\n    request: {get: /applications}\n",
        [
            "35:13  lists.applications.scopes: is declared, but {scope} is nowhere in the list's request",
            "40:89  lists.applications.fetch.batch: records of a list with `scopes` are read one by one; remove it",
        ],
    ),
    (
        "request: {get: /applications}\n",
        'scopes: opening\n    request: {get: "/jobs/{scope}/applications"}\n',
        [
            '35:13  lists.applications.scopes: there is no list "opening" (did you mean "openings"?)',
            "40:89  lists.applications.fetch.batch: records of a list with `scopes` are read one by one; remove it",
        ],
    ),
    (
        "request: {get: /applications}\n",
        'scopes: candidates\n    request: {get: "/jobs/{scope}/applications"}\n',
        [
            "35:13  lists.applications.scopes: lists.candidates must be a lookup list without a {scope} of its own",
            "40:89  lists.applications.fetch.batch: records of a list with `scopes` are read one by one; remove it",
        ],
    ),
    (
        "applications}\n    records: data\n",
        'applications}\n    records: "{data}"\n',
        [
            "36:14  lists.applications.records: is not a JMESPath expression: reading stopped at character 6; {name} is for requests: write the path itself"
        ],
    ),
    (
        'auth: {kind: header, name: X-Api-Key, value: "{credentials.api_key}"}',
        'auth: {kind: login, request: {post: /in, body: {key: "{credentials.api_key}"}}, token: t, value: Token}',
        ["8:98  auth.value: must hold {token}, the session's token"],
    ),
    (
        'auth: {kind: header, name: X-Api-Key, value: "{credentials.api_key}"}',
        'auth: {kind: login, request: {post: /in, body: {key: "{credentials.api_key}", with: "{access_token}"}}, token: t}',
        [
            "8:85  auth.request.body.with: unknown placeholder {access_token}; known here: acting_user, credentials.api_key, credentials.hook_secret, now, options.version, today"
        ],
    ),
    (
        "stages: {list: stages, kind: type, scope: job_id, application_scope: job_id}",
        "stages: {fixed: [{name: Offer}], each: steps}",
        ["68:42  writes.stages.each: has no meaning without `list`"],
    ),
]


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_definition_text(text, path=Path("acme.yaml"))
    return [str(problem).removeprefix("acme.yaml:") for problem in raised.value.problems]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_a_mistake_is_reported_at_its_line(old: str, new: str, expected: list[str]) -> None:
    assert complaints(spoilt(old, new)) == expected


def test_the_definition_that_is_spoilt_here_has_no_mistake() -> None:
    definition = load_definition_text(ACME, path=Path("acme.yaml"))

    assert definition.model.title == "Acme Hire"


def test_mistakes_in_different_parts_are_reported_together() -> None:
    text = spoilt("requests: 50", "requests: 0").replace("holds: candidates\n", "holds: all\n")

    assert len(complaints(text)) == 2
