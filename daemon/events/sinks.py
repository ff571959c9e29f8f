"""Sinks as the operator's file names them. A sink of another kind is one more case here."""

from config.operator_events import EventsToHttp, EventsToRabbitMq
from connectors.http.outbound import rules_of
from daemon.events.relay import Subscription
from daemon.events.webhook_sink import WebhookSink, secrets_of
from daemon.ports.clock import Clock
from daemon.ports.events import Publisher
from models.errors import UserError
from models.event_types import EventType


def subscription_of(entry: EventsToRabbitMq | EventsToHttp) -> Subscription:
    """Returns what the entry wants."""
    types = frozenset(EventType) if entry.types is None else frozenset(entry.types)
    return Subscription(entry.name, types, full=entry.include == "full")


def publisher_of(entry: EventsToRabbitMq | EventsToHttp, clock: Clock) -> Publisher:
    """Returns the sink, not connected yet.

    Raises:
        UserError: its driver is not installed.
    """
    match entry:
        case EventsToHttp():
            secrets = secrets_of(entry.secret.get_secret_value())
            return WebhookSink(entry.url, secrets, clock, outbound=rules_of(entry, [entry.url]))
        case EventsToRabbitMq():
            return _rabbitmq_sink(entry)


def _rabbitmq_sink(entry: EventsToRabbitMq) -> Publisher:
    try:
        from daemon.events.rabbitmq_sink import RabbitMqSink
    except ModuleNotFoundError as error:
        raise UserError(
            f"events to RabbitMQ need the package {error.name}, which is not installed",
            remedy="install the extra `events`: pip install 'clearview-ats-sync[events]'",
        ) from None
    return RabbitMqSink(entry.url.get_secret_value(), entry.exchange, ca_file=entry.ca_file)
