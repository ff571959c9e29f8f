"""The operator's settings of one integration, as its jobs take them."""

from datetime import timedelta

from config.operator import Integration
from daemon.core.attachments import AttachmentRules
from daemon.core.exported_field import DEFAULT_FIELD
from daemon.core.push_decision import PushRules
from daemon.exporting.value_sender import ExportSettings
from daemon.importing.context import ImportRules
from models.ids import integration_id


def import_rules(settings: Integration) -> ImportRules:
    return ImportRules(
        overlap=settings.poll.overlap,
        sweep_every=settings.poll.sweep_every,
        conflicts=settings.push.conflicts,
        deletions=settings.deletions.policy,
        max_percent=settings.deletions.max_percent,
        judges_webhooks=settings.poll.every_with_webhooks is not None,
        attachments=attachment_rules(settings),
        own_field=None if settings.analytics is None else settings.analytics.field or DEFAULT_FIELD,
    )


def attachment_rules(settings: Integration) -> AttachmentRules:
    return AttachmentRules(
        downloads=settings.attachments.policy == "download",
        kinds=frozenset(settings.attachments.kinds),
        max_bytes=settings.attachments.max_size,
    )


def push_rules(name: str, settings: Integration) -> PushRules:
    return PushRules(
        integration=name,
        enabled=settings.enabled and settings.push.enabled,
        conflicts=settings.push.conflicts,
        coalesce=settings.push.coalesce,
        note=settings.push.note,
    )


def export_settings(name: str, settings: Integration) -> ExportSettings | None:
    """Returns the settings of exports; None if the operator configured none."""
    if settings.analytics is None:
        return None
    return ExportSettings(
        integration=name,
        integration_id=integration_id(name),
        every=settings.analytics.every,
        field_name=settings.analytics.field or DEFAULT_FIELD,
    )


def export_check_interval(every: timedelta) -> timedelta:
    """Returns how often to check for due periods: soon after one ends or may be tried again."""
    return min(max(every / 4, timedelta(seconds=1)), timedelta(minutes=5))
