"""Readiness checks: each says whether one part of the daemon can work now."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from daemon.ports.clock import Clock
from daemon.runtime.checked_config import CurrentConfig
from daemon.runtime.loop_health import LoopHealth
from daemon.runtime.timeouts import bounded

log = structlog.get_logger("daemon.http")

ReadinessCheck = Callable[[], Coroutine[Any, Any, str | None]]
"""Returns None if the part is ready, otherwise the reason: a sentence without secrets."""
CHECK_LIMIT_S = 3.0
STREAM_IS_STUCK_AFTER_S = 40.0


async def why_not_ready(name: str, check: ReadinessCheck) -> str | None:
    """Returns the reason why a part is not ready; None if it is.

    A check that fails or takes longer than `CHECK_LIMIT_S` is a reason, too.
    """
    try:
        return await bounded(check(), CHECK_LIMIT_S, name=f"readiness of {name}")
    except TimeoutError:
        return f"{name} did not answer within {CHECK_LIMIT_S:g} s"
    except Exception as error:  # noqa: BLE001 - a check that fails is a reason like any other
        log.warning("readiness_check_failed", check=name, error=type(error).__name__)
        return f"{name} could not be checked ({type(error).__name__})"


def stream_check(last_progress: Callable[[], float | None], clock: Clock) -> ReadinessCheck:
    """Returns the check of the change stream.

    `last_progress` is a moment of the monotonic clock; None while another replica reads the stream.
    """

    async def check() -> str | None:
        progress = last_progress()
        silent_s = 0.0 if progress is None else clock.monotonic() - progress
        if silent_s > STREAM_IS_STUCK_AFTER_S:
            return f"the change stream has been silent for {silent_s:.0f} s"
        return None

    return check


def config_check(current: CurrentConfig) -> ReadinessCheck:
    """Returns the check of the operator's file: an edit that was refused is not in force."""

    async def check() -> str | None:
        return current.refused and f"the last edit was refused: {current.refused}"

    return check


def loops_check(loops: LoopHealth) -> ReadinessCheck:
    async def check() -> str | None:
        return "; ".join(loops.reasons()) or None

    return check
