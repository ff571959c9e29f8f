"""Ids as vendors hand them out, reversible to the world's own numbers."""

from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

SPACE = 1 << 62
VARIANT = 0b10 << 62
FACTOR = 0x2545F4914F6CDD1D
INVERSE = pow(FACTOR, -1, SPACE)


@dataclass(frozen=True, slots=True)
class NumberIds:
    """Integer ids that grow with creation; a base of its own keeps each id space apart."""

    base: int

    def of(self, number: int) -> int:
        return self.base + number

    def text(self, number: int) -> str:
        return str(self.base + number)

    def number(self, given: object) -> int | None:
        digits = str(given)
        if isinstance(given, bool) or not (digits.isascii() and digits.isdigit()):
            return None
        number = int(digits) - self.base
        return number if 0 < number < 10_000_000 else None


@dataclass(frozen=True, slots=True)
class UuidIds:
    """UUIDs that look random, sort randomly, and still lead back to the number."""

    kind: str
    _high: int = field(init=False, repr=False)
    _prefix: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        seed = int.from_bytes(sha256(self.kind.encode()).digest()[:8], "big")
        version_4 = (seed & ~0xF000) | 0x4000
        text = f"{version_4:016x}"
        object.__setattr__(self, "_high", version_4)
        object.__setattr__(self, "_prefix", f"{text[:8]}-{text[8:12]}-{text[12:]}-")

    def of(self, number: int) -> str:
        low = f"{(number * FACTOR) % SPACE | VARIANT:016x}"
        return f"{self._prefix}{low[:4]}-{low[4:]}"

    def text(self, number: int) -> str:
        return self.of(number)

    def number(self, given: object) -> int | None:
        try:
            value = UUID(str(given)).int
        except ValueError:
            return None
        if value >> 64 != self._high:
            return None
        number = ((value & (SPACE - 1)) * INVERSE) % SPACE
        return number if 0 < number < 1_000_000_000 else None
