"""The words for every condition: what is wrong, and what the reader can do about it.

Facts go in, a `Condition` comes out; no candidate's data and no secret may be among the facts. No
other module makes a `Condition`: one key has one severity and one text.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from daemon.core.conditions import AlertKind, Condition, Severity
from daemon.core.integrations import IntegrationRef
from daemon.core.stream_recovery import Recovery
from daemon.core.unexpected import Unexpected

AGAIN = "again"
"""Repeated losses are an alert of their own: people hear of it before the next reminder."""
MOST_NAMED = 10
"""At most this many parts are named in one message."""
HALF = 0.5
"""A stream's position older than this share of the oplog is more than a warning."""
HOUR = timedelta(hours=1)
FORBIDDEN = 403
PUSH, RECORD, FILE = "push", "record", "file"
"""Subjects of conditions about pushes, records and files, which want different commands."""


def _condition(
    kind: AlertKind,
    of: IntegrationRef | None = None,
    *,
    title: str,
    message: str,
    severity: Severity | None = None,
    subject: str = "",
    details: Mapping[str, object],
) -> Condition:
    return Condition(
        kind=kind,
        severity=severity or kind.severity,
        title=title,
        message=message,
        integration=None if of is None else of.name,
        integration_id=None if of is None else of.id,
        subject=subject,
        details=details,
    )


def integration_failing(
    of: IntegrationRef, *, failures: int, since: datetime, error: str
) -> Condition:
    """Runs of the integration fail one after the other."""
    return _condition(
        AlertKind.INTEGRATION_FAILING,
        of,
        title=f"{of.name} is failing",
        message=f"{_count(failures, 'run')} in a row failed: {_ended(error)} Nothing is lost; the work waits "
        f"and is repeated. If the ATS is well, run `ats-sync doctor` and look for {of.name}.",
        details={"failures": failures, "since": since, "error": error, "cause": error},
    )


def pushes_failing(of: IntegrationRef, *, error: str) -> Condition:
    """The ATS answers no status change any more."""
    return _condition(
        AlertKind.INTEGRATION_FAILING,
        of,
        title=f"{of.name}: the ATS does not take status changes",
        message=f"{_ended(error)} They wait, and are sent when it answers again. If the ATS is "
        f"well, run `ats-sync doctor` and look for {of.name}.",
        subject=PUSH,
        details={"error": error, "cause": error},
    )


def auth_refused(of: IntegrationRef, *, status: int | None) -> Condition:
    """The ATS refuses the credential; or, with 403, accepts it, but a permission is missing."""
    if status == FORBIDDEN:
        title = f"{of.name}: the credential lacks a permission at the ATS"
        message = (
            f"The ATS answered HTTP {status}: it knows the credential and does not allow the request. "
            "The integration waits, and tries again from time to time. Give the credential the "
            "missing permission at the ATS, such as to move applications; run `ats-sync doctor` and "
            f"look for {of.name}. What waits is then done without further steps."
        )
    else:
        title = f"{of.name}: the ATS refuses the credential"
        answered = "" if status is None else f"It answered HTTP {status}. "
        message = (
            f"{answered}The integration waits, and tries the credential from time to time. Renew "
            "it or its permissions at the ATS, and put a new one where the configuration of "
            f"{of.name} points; what waits is then done without further steps."
        )
    return _condition(
        AlertKind.AUTH_REFUSED, of, title=title, message=message, details={"status": status}
    )


def dead_push(
    of: IntegrationRef,
    *,
    reason: str,
    count: int = 1,
    application: UUID | None = None,
    status: str | None = None,
) -> Condition:
    """Status changes were given up. `application` is named where it is a single one."""
    subject = "" if application is None else f"Application {application} to {status}: "
    return _condition(
        AlertKind.DEAD_LETTERS,
        of,
        title=f"{of.name}: {_count(count, 'status change')} given up",
        message=f"{subject}{_ended(reason)} What is given up is kept, and not tried again by itself. "
        "Read the reasons with `ats-sync outbox list --state dead`, correct the cause, then "
        "`ats-sync outbox replay`.",
        subject=PUSH,
        details={
            "application_id": application,
            "status": status,
            "reason": reason,
            "pushes": count,
        },
    )


def dead_records(of: IntegrationRef, *, records: int) -> Condition:
    """Records of the ATS were tried until their time ran out."""
    return _condition(
        AlertKind.DEAD_LETTERS,
        of,
        title=f"{of.name}: {_count(records, 'record')} given up",
        message="A record is tried again when it is listed again. Read the reasons in "
        f"`failed_records`, correct the cause, then `ats-sync poll {of.name} --sweep`.",
        subject=RECORD,
        details={"records": records},
    )


def dead_files(of: IntegrationRef, *, files: int) -> Condition:
    """Files of candidates were tried until their time ran out, or are on a host that is not known."""
    return _condition(
        AlertKind.DEAD_LETTERS,
        of,
        title=f"{of.name}: {_count(files, 'file')} given up",
        message="The candidates are imported without them. Read the reasons with `ats-sync attachments "
        "list --state dead`, correct the cause, then `ats-sync attachments retry`.",
        subject=FILE,
        details={"files": files},
    )


def unreadable_changes(*, count: int) -> Condition:
    """Changes in ClearView could not be handled, and whose they are is not known."""
    return _condition(
        AlertKind.DEAD_LETTERS,
        title=f"{_count(count, 'change')} in ClearView could not be handled",
        message="Each is kept with the id of its document. Read the reasons with "
        "`ats-sync outbox list --state dead`, correct the documents, then `ats-sync outbox drop`.",
        details={"pushes": count, "records": 0},
    )


def stream_position_at_risk(*, age: timedelta, window: timedelta) -> Condition:
    """The change stream's position nears the end of MongoDB's oplog."""
    share = age / window
    return _condition(
        AlertKind.STREAM_POSITION_AT_RISK,
        severity="error" if share >= HALF else None,
        title="The position in ClearView's change stream is getting old",
        message=f"It is {age / HOUR:.1f} hours old and MongoDB remembers {window / HOUR:.1f} hours ({share:.0%}). See "
        "that the daemon runs and keeps up, or make the oplog larger with replSetResizeOplog.",
        details={"age_s": round(age.total_seconds()), "window_s": round(window.total_seconds())},
    )


def stream_position_lost(*, reason: str, repaired: int, found: Recovery) -> Condition:
    """The change stream could not go on where it had stopped, and everything was compared."""
    remedy = "If this repeats, make MongoDB's oplog larger."
    if found.needs_person:
        remedy = (
            "Until the cause is fixed status changes reach the ATSs by such comparisons only, up to "
            f"{found.pause.total_seconds():.0f} s apart. Make the oplog larger with "
            "replSetResizeOplog if its history is too short (`ats-sync doctor` shows it), and stop "
            "whatever drops, renames or restores `applications`."
        )
    times = f"{found.number} times in a row. " if found.needs_person else ""
    result = "is lost again and again" if found.needs_person else "was lost and repaired"
    return _condition(
        AlertKind.STREAM_POSITION_LOST,
        severity="critical" if found.needs_person else None,
        title=f"The position in ClearView's change stream {result}",
        message=f"{times}{_ended(reason)} All applications were compared with what the ATSs last "
        f"said; {repaired} differed and were queued. {remedy}",
        subject=AGAIN if found.needs_person else "",
        details={"repaired": repaired, "reason": reason, "in_a_row": found.number},
    )


def deletion_brake(
    of: IntegrationRef, *, list_name: str, missing: int, known: int, max_percent: float
) -> Condition:
    """A complete listing lacks far more records than people delete."""
    return _condition(
        AlertKind.DELETION_BRAKE,
        of,
        title=f"{of.name}: {missing} of {known} records are gone from the ATS",
        message=f"That is more than {max_percent:g} %, so nothing was deleted. If the credential "
        "lost a permission, restore it; if they are really gone, run "
        f"`ats-sync poll {of.name} --sweep --accept-deletions`.",
        subject=list_name,
        details={"list": list_name, "missing": missing, "known": known},
    )


def schema_drift(of: IntegrationRef, *, list_name: str, fields: list[str]) -> Condition:
    """Fields that used to have values have none any more."""
    return _condition(
        AlertKind.SCHEMA_DRIFT,
        of,
        title=f"{of.name}: the ATS no longer fills {', '.join(fields)}",
        message=f"Records of `{list_name}` had values there before. Compare an answer of the ATS "
        "with the connector's definition: a field was renamed, or a permission is missing.",
        subject=list_name,
        details={"list": list_name, "fields": fields},
    )


def import_incomplete(of: IntegrationRef, *, run_id: UUID, parts: list[str]) -> Condition:
    """Parts of what the ATS holds could not be read; the rest was imported."""
    named = "; ".join(parts[:MOST_NAMED])
    more = f"; and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return _condition(
        AlertKind.IMPORT_INCOMPLETE,
        of,
        title=f"{of.name}: parts of the ATS's data could not be read",
        message=f"The rest was imported, and the parts are read again at every poll: {named}{more}. "
        "Check the credential's permissions for them, or ask the vendor's support.",
        details={"parts": parts[:MOST_NAMED], "run_id": str(run_id)},
    )


def records_failing(of: IntegrationRef, *, failing: int, run_id: UUID) -> Condition:
    """Many records of the integration cannot be imported."""
    return _condition(
        AlertKind.RECORDS_FAILING,
        of,
        title=f"{of.name}: {_count(failing, 'record')} cannot be imported",
        message="They are kept in `failed_records` with the reason, and retried; the others are "
        "imported. If the reasons are alike, compare an answer of the ATS with the connector's "
        "definition.",
        details={"failing": failing, "run_id": str(run_id)},
    )


def zero_candidates(of: IntegrationRef, *, list_name: str, known: int) -> Condition:
    """A complete listing is empty."""
    return _condition(
        AlertKind.ZERO_CANDIDATES,
        of,
        title=f"{of.name}: the ATS lists no candidates",
        message=f"A complete listing of `{list_name}` was empty; {known} were known before, and all "
        "of them are kept. Check the credential's permissions and the connector's filters.",
        subject=list_name,
        details={"list": list_name, "known": known},
    )


def unmapped_stages(of: IntegrationRef, *, stages: list[str], applications: int) -> Condition:
    """Stages that no rule translates."""
    return _condition(
        AlertKind.UNMAPPED_STAGES,
        of,
        title=f"{of.name}: {_count(len(stages), 'stage')} without a status",
        message=f"{_count(applications, 'application')} came in as `reviewing` for want of a rule. "
        f"Add the stages below `integrations.{of.name}.statuses`: {', '.join(stages)}.",
        details={"stages": stages, "applications": applications},
    )


def conflicts_open(of: IntegrationRef, *, count: int | None = None) -> Condition:
    """Both sides changed, and no rule may decide. `count` is how many there are, where known."""
    return _condition(
        AlertKind.CONFLICTS_OPEN,
        of,
        title=f"{of.name}: conflicts for a person to decide",
        message="ATS and ClearView say opposite things about these applications and both stay as "
        "they are. Read `conflicts` where state is open, and set the right status on either side.",
        details={} if count is None else {"count": count},
    )


def rate_limited(of: IntegrationRef, *, since: datetime, until: datetime | None) -> Condition:
    """The ATS has been asking to slow down for long."""
    return _condition(
        AlertKind.RATE_LIMITED,
        of,
        title=f"{of.name}: the ATS has been limiting requests for long",
        message="Work goes on as fast as the ATS lets it. See what else uses the same credential, "
        "give it one of its own, or make poll.every longer.",
        details={"since": since, "until": until},
    )


def export_missed(
    of: IntegrationRef, *, period_start: datetime, period_end: datetime, error: str
) -> Condition:
    """A period's analytics could not be exported."""
    return _condition(
        AlertKind.EXPORT_MISSED,
        of,
        title=f"{of.name}: analytics were not exported",
        message=f"The period is exported later, before any newer one. What stopped it: {_ended(error)} "
        f"Try it now with `ats-sync analytics export {of.name}`.",
        details={"period_start": period_start, "period_end": period_end, "error": error},
    )


def config_refused(*, problems: list[str]) -> Condition:
    """An edit of the configuration is wrong."""
    return _condition(
        AlertKind.CONFIG_REFUSED,
        title="An edit of the configuration was refused",
        message="The last good configuration keeps running, all of it. "
        f"{_count(len(problems), 'problem')}, the first: {_ended(problems[0])} Correct the file "
        "(`ats-sync validate` lists its mistakes), or restart the daemon where that is asked for.",
        details={"problems": problems},
    )


def stored_integration_refused(of: IntegrationRef, *, problem: str) -> Condition:
    """An integration that was added at run time cannot be used."""
    return _condition(
        AlertKind.INTEGRATION_REFUSED,
        of,
        title=f"{of.name} cannot be started",
        message=f"{_ended(problem)} The others go on. Correct it with "
        f"`ats-sync integrations update {of.name}`; it is then started by itself.",
        details={"problem": problem},
    )


def version_sunset(of: IntegrationRef, *, version: str, sunset: date, today: date) -> Condition:
    """The vendor is about to switch off the API version in use."""
    left = (sunset - today).days
    when = f"in {_count(left, 'day')}" if left > 0 else "as of today" if left == 0 else "already"
    return _condition(
        AlertKind.VERSION_SUNSET,
        of,
        severity=None if left > 30 else "error",
        title=f"{of.name}: API {version} is switched off {when}",
        message=f"The vendor named {sunset.isoformat()}. Move the integration to a connector for a "
        "newer version; `ats-sync connectors list` shows what there is.",
        details={"version": version, "sunset": sunset.isoformat()},
    )


def notification_undelivered(*, channel: str, error: str) -> Condition:
    """A channel did not take a message until its time ran out."""
    return _condition(
        AlertKind.NOTIFICATION_UNDELIVERED,
        title=f"Messages do not get through to {channel}",
        message=f"A message was given up: {_ended(error)} Check the address and the token of this channel "
        "under `clearview.notifications`.",
        subject=channel,
        details={"channel": channel, "error": error},
    )


def events_undelivered(sink: str, *, reason: str, waiting_since: datetime) -> Condition:
    """A sink has taken no events for a while."""
    return _condition(
        AlertKind.EVENTS_UNDELIVERED,
        title=f"Events do not get through to {sink}",
        message=f"{_ended(reason)} Nothing is lost: events wait in the logs since "
        f"{waiting_since:%Y-%m-%d %H:%M} UTC, and are sent in order once it takes them. Check the "
        "receiver, and the address and the credential under `events`; `ats-sync doctor` tries them.",
        subject=sink,
        details={"sink": sink, "reason": reason, "waiting_since": waiting_since},
    )


def events_untaken(sink: str, topic: str, *, reason: str) -> Condition:
    """Events of a type were passed over, because no one takes them."""
    return _condition(
        AlertKind.EVENTS_UNTAKEN,
        title=f"No one takes `{topic}` events from {sink}",
        message=f"{_ended(reason)} They are passed over and not sent again; the logs keep what happened. "
        "Bind a queue for them, or correct the receiver; if no one wants them, list the others "
        "under `events.types`.",
        subject=f"{sink}:{topic}",
        details={"sink": sink, "type": topic, "reason": reason},
    )


def events_position_lost(sink: str, *, reason: str, since: datetime) -> Condition:
    """The relay of a sink could not go on where it had stopped."""
    return _condition(
        AlertKind.EVENTS_POSITION_LOST,
        title=f"The position of {sink} in the logs' change stream was lost",
        message=f"{_ended(reason)} What the logs have since {since:%Y-%m-%d %H:%M} UTC and from the "
        "hour before is sent again, under the same ids. If this repeats, make MongoDB's oplog larger.",
        subject=sink,
        details={"sink": sink, "reason": reason, "since": since},
    )


def run_broke(of: IntegrationRef, *, job: str, run_id: UUID, found: Unexpected) -> Condition:
    """A run ended by an error of no known kind."""
    return _condition(
        AlertKind.UNEXPECTED_ERROR,
        of,
        title=f"{of.name}: a run ended by an unexpected error",
        message=f"{found} ended run {run_id} ({job}). What it did is kept, the next run goes on from "
        "there, and no other integration is affected. If it comes again, report it with this "
        "line; `sync_runs` and the log have the rest under the run's id.",
        subject=job,
        details={**found.facts(), "job": job, "run_id": str(run_id)},
    )


def loop_broke(of: IntegrationRef | None, *, loop: str, found: Unexpected) -> Condition:
    """A loop of the daemon ended by an error of no known kind, and is begun again."""
    whose = "" if of is None else f"{of.name}: "
    return _condition(
        AlertKind.UNEXPECTED_ERROR,
        of,
        title=f"{whose}an unexpected error in `{loop}`",
        message=f"{found} ended this part of the daemon. It is begun again with growing pauses, and "
        "everything else goes on. If it lasts, `/readyz` names it: restart the daemon, and report "
        "it with this line.",
        subject=loop,
        details={**found.facts(), "loop": loop},
    )


def not_ready(*, part: str, reason: str) -> Condition:
    """A part of the daemon has not been able to do its work for a while."""
    return _condition(
        AlertKind.NOT_READY,
        title=f"The daemon is not ready: {part}",
        message=f"{_ended(reason)} What depends on it waits, and goes on by itself afterwards. "
        "`/readyz` and `ats-sync doctor` say more.",
        subject=part,
        details={"part": part, "reason": reason},
    )


def _count(number: int, noun: str) -> str:
    plural = f"{noun}{'es' if noun.endswith('sh') else 's'}"
    return f"{number} {noun if number == 1 else plural}"


def _ended(error: str) -> str:
    """Returns the error as a sentence with its full stop."""
    return error if error.endswith((".", "!", "?")) else f"{error}."
