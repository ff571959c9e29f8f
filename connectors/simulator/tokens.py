"""OAuth access tokens as an authorisation server hands them out and takes them back."""

from hashlib import sha256

from connectors.simulator.clock import SimClock, iso


class Tokens:
    """Issues tokens with a life time; `single` makes a new one revoke the one before."""

    def __init__(self, clock: SimClock, *, ttl_s: float, single: bool = False) -> None:
        self._clock = clock
        self._ttl_ms = round(ttl_s * 1000)
        self._single = single
        self._live: dict[str, tuple[str, int]] = {}
        self.issued = 0

    def issue(self, subject: str) -> tuple[str, str | None]:
        """A new token in the name of someone, and when it ends (ISO 8601)."""
        if self._single:
            self._live.clear()
        self.issued += 1
        ends = self._clock.now_ms() + self._ttl_ms
        token = sha256(f"{subject}:{self.issued}:{ends}".encode()).hexdigest()
        self._live[token] = (subject, ends)
        return token, iso(ends)

    def subject(self, token: str) -> str | None:
        """Whose token this is; None when it is unknown, revoked or over."""
        subject, ends = self._live.get(token, ("", 0))
        return subject if ends > self._clock.now_ms() else None

    def expire_all(self) -> None:
        """Revoke every token."""
        self._live.clear()
