"""The contract of a change stream that is open."""

from typing import Generic, Protocol, TypeVar

from daemon.core.status_events import EventBatch, StreamPosition

E = TypeVar("E")


class OpenStream(Protocol, Generic[E]):
    """A change stream that is open."""

    @property
    def start(self) -> StreamPosition: ...

    async def next_batch(self) -> EventBatch[E]:
        """Returns the next changes, or an empty batch after about a second without any.

        Raises:
            PositionLost: the stream cannot continue from its position.
            StreamInterrupted: MongoDB went away, or an event cannot be read.
        """

    async def close(self) -> None: ...
