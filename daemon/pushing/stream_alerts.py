"""What people hear of the change stream's position: at risk, lost, repaired."""

import structlog

from daemon.core.recovery import Recovery
from daemon.ports.alerts import AlertKind, Alerts, Condition, alert_key
from daemon.ports.metrics import Metrics
from daemon.pushing.place import FIRST_START

log = structlog.get_logger(__name__)

WARN_AT = 0.25
PAGE_AT = 0.5
AGAIN = "again"
"""An alert of its own, so that people are told at once and not with the next reminder."""


class StreamAlerts:
    """Opens and closes the conditions of the stream."""

    def __init__(self, alerts: Alerts, metrics: Metrics) -> None:
        self._alerts = alerts
        self._metrics = metrics
        self._at_risk = True
        """Until shown otherwise: an earlier process may have left the condition open."""

    async def settled(self) -> None:
        """The stream has been well for a while: the loss and its repair are history."""
        self._metrics.gauge("stream_recoveries_in_a_row", 0)
        await self._alerts.resolve(alert_key(AlertKind.STREAM_POSITION_LOST, None))
        await self._alerts.resolve(alert_key(AlertKind.STREAM_POSITION_LOST, None, AGAIN))

    async def window(self, age_s: float | None, window_s: float | None) -> None:
        """Compare the position's age with how far back the server remembers."""
        if age_s is not None:
            self._metrics.gauge("stream_position_age_seconds", age_s)
        if window_s is not None:
            self._metrics.gauge("stream_oplog_window_seconds", window_s)
        share = age_s / window_s if age_s is not None and window_s else 0.0
        if share >= WARN_AT:
            self._at_risk = True
            await self._alerts.raise_condition(_at_risk(share, age_s or 0.0, window_s or 0.0))
        elif self._at_risk:
            self._at_risk = False
            await self._alerts.resolve(alert_key(AlertKind.STREAM_POSITION_AT_RISK, None))

    async def lost(self, reason: str, found: Recovery) -> None:
        log.error("stream_position_lost", reason=reason, in_a_row=found.number)
        self._metrics.count("stream_position_lost_total")
        self._metrics.gauge("stream_recoveries_in_a_row", found.number)

    async def repaired(self, reason: str, count: int, found: Recovery) -> None:
        """Say what happened and what came of it."""
        log.warning("stream_position_repaired", reason=reason, repaired=count)
        if reason != FIRST_START:
            await self._alerts.raise_condition(_repaired(reason, count, found))


def _repaired(reason: str, count: int, found: Recovery) -> Condition:
    what = (
        f"{reason}. All applications were compared with what the ATSs last said; {count} differed "
        "and were queued."
    )
    details = {"repaired": count, "reason": reason, "in_a_row": found.number}
    if not found.needs_person:
        return Condition(
            kind=AlertKind.STREAM_POSITION_LOST,
            severity="warning",
            title="The position in ClearView's change stream was lost and repaired",
            message=f"{what} If this repeats, enlarge MongoDB's oplog.",
            details=details,
        )
    return Condition(
        kind=AlertKind.STREAM_POSITION_LOST,
        severity="critical",
        title="The position in ClearView's change stream is lost again and again",
        message=f"{found.number} times in a row. {what} Until the cause is mended status changes "
        f"reach the ATSs by such comparisons only, up to {found.pause.total_seconds():.0f} s apart. "
        "Enlarge the oplog with replSetResizeOplog if its history is too short (`ats-sync doctor` "
        "shows it), and stop whatever drops, renames or restores `applications`.",
        subject=AGAIN,
        details=details,
    )


def _at_risk(share: float, age_s: float, window_s: float) -> Condition:
    return Condition(
        kind=AlertKind.STREAM_POSITION_AT_RISK,
        severity="error" if share >= PAGE_AT else "warning",
        title="The position in ClearView's change stream is getting old",
        message=f"It is {age_s:.0f} s old and MongoDB remembers {window_s:.0f} s "
        f"({share:.0%}). Enlarge the oplog, or find out what holds the intake up.",
        details={"age_s": round(age_s), "window_s": round(window_s)},
    )
