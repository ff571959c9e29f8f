"""Mutations as JSON commands, so that a tester, a schedule and the demo speak one language."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from connectors.simulator.account import Account
from connectors.simulator.actions import ActionRefused, Actions
from connectors.simulator.clock import parse_ms
from connectors.simulator.world import Application, Person

Command = Mapping[str, object]
Done = dict[str, object]
T = TypeVar("T")


USUAL: Mapping[str, int] = {
    "new_applicant": 6,
    "edit_person": 6,
    "move": 8,
    "reject": 4,
    "withdraw": 2,
    "unreject": 2,
    "hire": 1,
    "anonymise": 1,
    "merge": 1,
    "delete_candidate": 1,
    "delete_application": 1,
}
"""The relative frequencies of changes in an account that is in use."""


class UnknownCommand(ValueError):
    """The command names nothing that exists."""


@dataclass(slots=True)
class Scheduled:
    """A command that waits for a page to be served."""

    list: str
    after_page: int
    command: Command


@dataclass(slots=True)
class Schedule:
    """Orders carried out between two pages of someone's walk."""

    account: Account
    done: list[Done] = field(default_factory=list)
    _waiting: list[Scheduled] = field(default_factory=list, init=False)

    def add(self, list_name: str, after_page: int, command: Command) -> None:
        """Carry out the command once the page of that list has been put together."""
        self._waiting.append(Scheduled(list_name, after_page, command))

    def page_served(self, list_name: str, page: int) -> None:
        """Runs the commands that are scheduled after this page of the list."""
        due = [s for s in self._waiting if s.list == list_name and s.after_page == page]
        for scheduled in due:
            self._waiting.remove(scheduled)
            self.done.append(run_command(self.account, scheduled.command))


def run_command(account: Account, command: Command) -> Done:
    """Do what the command says; answers with the external ids of what it was done to.

    Raises:
        UnknownCommand: the kind, the candidate, the application or the stage does not exist.
        ActionRefused: the account's state does not allow it.
    """
    done = _Commands(account).run_command(command)
    if account.on_change is not None:
        account.on_change(done, str(command.get("event", "once")))
    return done


def run_random_commands(account: Account, *, steps: int, seed: int = 1) -> list[Done]:
    """Runs so many seeded commands, of those that the account allows; returns what they did."""
    draw = Random(seed)
    done = []
    for kind in draw.choices(list(USUAL), weights=list(USUAL.values()), k=steps):
        command: dict[str, object] = {"kind": kind}
        if kind == "edit_person":
            command["changes"] = {"title": f"Title {draw.randrange(100)}"}
        elif kind == "merge":
            people = draw.sample(list(account.world.people.values()), 2)
            keys = [account.person_key(person) for person in people]
            command |= {"candidate": keys[0], "duplicate": keys[1]}
        with suppress(ActionRefused, UnknownCommand):
            done.append(run_command(account, command))
    return done


class _Commands:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._actions: Actions = account.actions
        self._kinds: dict[str, Callable[[Command], Done]] = {
            "new_applicant": lambda c: self._of(self._actions.new_applicant(changes=_changes(c))),
            "edit_person": self._edit_person,
            "edit_application": self._edit_application,
            "move": self._move,
            "reject": self._reject,
            "withdraw": lambda c: self._with_application(self._actions.withdraw, c),
            "unreject": lambda c: self._with_application(self._actions.unreject, c),
            "hire": lambda c: self._with_application(self._actions.hire, c),
            "anonymise": lambda c: self._with_person(self._actions.anonymise, c),
            "merge": self._merge,
            "delete_candidate": lambda c: self._with_person(self._actions.delete_person, c),
            "delete_application": lambda c: self._with_application(
                self._actions.delete_application, c
            ),
            "rename_stage": self._rename_stage,
            "set_updated_at": self._set_updated_at,
        }

    def run_command(self, command: Command) -> Done:
        kind = str(command.get("kind"))
        if kind not in self._kinds:
            raise UnknownCommand(f"no command is called {kind!r}; there are {sorted(self._kinds)}")
        return {"kind": kind, **self._kinds[kind](command)}

    def _edit_person(self, command: Command) -> Done:
        changes, bump = _changes(command), bool(command.get("bump", True))
        return self._with_person(
            lambda p: self._actions.edit_person(p, changes, bump=bump), command
        )

    def _edit_application(self, command: Command) -> Done:
        changes, bump = _changes(command), bool(command.get("bump", True))
        return self._with_application(
            lambda a: self._actions.edit_application(a, changes, bump=bump), command
        )

    def _move(self, command: Command) -> Done:
        application = self._application(command, state="active")
        wanted = str(command["stage"]) if "stage" in command else self._next_stage(application)
        stage = self._account.find_stage(application.job, wanted)
        if stage is None:
            raise UnknownCommand(f"the application's job has no stage {wanted!r}")
        self._actions.move(application, stage, bump=bool(command.get("bump", True)))
        return self._of(application)

    def _reject(self, command: Command) -> Done:
        application = self._application(command, state="active")
        wanted = command.get("reason")
        known = self._account.world.reasons.values()
        reason = next((r for r in known if r.name == wanted), None)
        if wanted is not None and reason is None:
            raise UnknownCommand(f"no reason is called {wanted!r}")
        self._actions.reject(application, reason)
        return self._of(application)

    def _with_application(self, action: Callable[[Application], None], command: Command) -> Done:
        application = self._application(command)
        done = self._of(application)
        action(application)
        return done

    def _with_person(self, action: Callable[[Person], None], command: Command) -> Done:
        person = self._person(command)
        action(person)
        return {"candidate": self._account.person_key(person)}

    def _merge(self, command: Command) -> Done:
        primary, duplicate = self._person(command), self._person(command, name="duplicate")
        self._actions.merge(primary, duplicate)
        return {"candidate": self._account.person_key(primary), "duplicate": command["duplicate"]}

    def _rename_stage(self, command: Command) -> Done:
        for stage in self._account.world.stages.values():
            if command.get("stage") in {self._account.stage_key(stage), stage.name}:
                self._actions.rename_stage(stage, str(command["name"]))
                return {"stage": self._account.stage_key(stage)}
        raise UnknownCommand(f"there is no stage {command.get('stage')!r}")

    def _set_updated_at(self, command: Command) -> Done:
        at = command.get("at")
        at_ms = parse_ms(str(at)) if at is not None else None
        if at is not None and at_ms is None:
            raise UnknownCommand("`at` must be an ISO 8601 moment with a zone, or null")
        people = list(self._account.world.people.values())[: int(str(command.get("first", 10)))]
        applications = [a for p in people for a in self._account.world.applications_of(p)]
        records: list[Person | Application] = [*people, *applications]
        self._actions.set_updated_at(records, at_ms)
        return {"records": len(records)}

    def _person(self, command: Command, *, name: str = "candidate") -> Person:
        key = command.get(name)
        if key is None:
            return self._any(list(self._account.world.people.values()))
        person = self._account.find_person(key)
        if person is None:
            raise UnknownCommand(f"there is no candidate {key!r}")
        return person

    def _application(self, command: Command, *, state: str | None = None) -> Application:
        key = command.get("application")
        if key is None:
            known = self._account.world.applications.values()
            return self._any([a for a in known if state in {None, a.state}])
        application = self._account.find_application(key)
        if application is None:
            raise UnknownCommand(f"there is no application {key!r}")
        return application

    def _any(self, of: list[T]) -> T:
        if not of:
            raise UnknownCommand("there is none left to choose from")
        return Random(f"{self._account.seed}:{self._account.world.sequence}").choice(of)

    def _next_stage(self, application: Application) -> str:
        stages = self._account.world.open_stages(application.job)
        numbers = [stage.number for stage in stages]
        here = numbers.index(application.stage) if application.stage in numbers else 0
        return self._account.stage_key(stages[(here + 1) % len(stages)])

    def _of(self, application: Application) -> Done:
        person = self._account.world.people[application.person]
        return {
            "application": self._account.application_key(application),
            "candidate": self._account.person_key(person),
        }


def _changes(command: Command) -> dict[str, object]:
    changes = command.get("changes", {})
    if not isinstance(changes, dict):
        raise UnknownCommand("`changes` must be an object of field names and values")
    return changes
