"""The services around the demo's daemon: a simulated ATS for each integration, ClearView's services."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from config.loading import Loaded
from config.operator import OperatorConfig
from connectors.simulator import Simulator, create_simulator
from connectors.simulator.clearview_services import ClearViewServices

CANDIDATES = 2_000
NOTIFY_TOKEN = "demo-notify-token"  # noqa: S105 - of a service that lives as long as the demo
NOT_SIMULATED = (
    "the demo would push invented changes to this account; set ATS_SYNC_CONFIG to the sample, "
    "config/ats-sync.yaml"
)
HURRY = 0.04
"""The vendors' rate limits, with windows this much shorter: no one watches a demo for an hour."""


class DemoEnvironment(msgspec.Struct, frozen=True):
    """The services that run during a demo."""

    simulators: Mapping[str, Simulator]
    """By the name of the integration."""
    services: ClearViewServices

    def variables(self) -> dict[str, str]:
        """Returns the environment variables that the sample YAML refers to."""
        found = {
            "ATS_SYNC_DEMO_NOTIFY_URL": self.services.url,
            "ATS_SYNC_DEMO_NOTIFY_TOKEN": NOTIFY_TOKEN,
        }
        for simulator in self.simulators.values():
            prefix = f"ATS_SYNC_DEMO_{simulator.NAME.upper()}"
            found[f"{prefix}_URL"] = simulator.url
            if simulator.acting_user:
                found[f"{prefix}_USER"] = simulator.acting_user
            for credential, value in simulator.credentials.items():
                found[f"{prefix}_{credential.upper()}"] = value
            for option, value in simulator.options.items():
                found[f"{prefix}_{option.upper()}"] = value
        return found

    def refuse_other_accounts(self, loaded: Loaded[OperatorConfig]) -> None:
        """Refuses a file with an account elsewhere: the demo invents changes of statuses, and pushes them.

        Raises:
            ConfigError: an integration's address is not that of its simulated ATS.
        """
        for name, simulator in self.simulators.items():
            if loaded.value.integrations[name].endpoint != simulator.url:
                loaded.document.error(("integrations", name, "endpoint"), NOT_SIMULATED)
        loaded.problems.raise_errors()


@asynccontextmanager
async def started_environment(config: OperatorConfig) -> AsyncIterator[DemoEnvironment]:
    """Starts the services that the file names, on free ports of loopback; stops them at the end."""
    async with AsyncExitStack() as stack:
        simulators = {}
        for name, one in config.integrations.items():
            simulator = create_simulator(
                one.connector, candidates=CANDIDATES, seed=1, time_scale=HURRY
            )
            await simulator.start()
            stack.push_async_callback(simulator.stop)
            simulators[name] = simulator
        services = ClearViewServices(token=NOTIFY_TOKEN)
        await stack.enter_async_context(services)
        yield DemoEnvironment(simulators, services)
