"""Reads `config/graph.yaml`: which processes make the graph, for given arguments.

Knows nothing of how they are started: `vla_nodes.programs.up` starts them as plain processes, and
`vla_nodes.graph.launch_graph` as actions of ROS 2 launch.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder, root
from vla_nodes.wire.replay_space import CLOCK_REMAP, REPLAY, graph_namespace

ArgumentValue = bool | int | float | str

PACKAGE = "vla_nodes"
BRING_UP = "bringup"
#: In `when`, beside the arguments: which processes the policy's systems run in, by its manifest.
SYSTEMS = "systems"
_OWN_PROFILE = root() / "config" / "fastdds.xml"
#: Of who must wait for nobody: the command node, and who stands for a robot.
COMMAND_PROFILE = "fastdds_command.xml"
#: With this, rmw_fastrtps adds shared memory to whatever a profile says.
_RANGE, _LOCALHOST = "ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"
#: Shared memory that must be free for the big segments of that profile, 64 MiB a process.
_SHARED_MEMORY_BYTES = 768 * 2**20
#: Distributions with Fast DDS 2, which reads the variable of the older name; 3 warns of it.
_FAST_DDS_2 = frozenset({"humble", "jazzy"})


@dataclass(frozen=True)
class Argument:
    """One argument of the graph; its default's type is its type.

    Attributes:
        choices: the texts allowed; empty: any.
        bounds: of a number, both inclusive; None: any.
    """

    name: str
    default: ArgumentValue
    help: str
    choices: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None

    def described(self) -> str:
        """For a person: what it is, and its bounds."""
        return f"{self.help}; {self.bounds[0]:g} to {self.bounds[1]:g}" if self.bounds else self.help

    def parse(self, text: str) -> ArgumentValue:
        """The value that a text stands for.

        Raises:
            ConfigError: not of the argument's type, none of its choices, or outside its bounds.
        """
        where = f"argument {self.name!r}"
        if self.choices and text not in self.choices:
            raise ConfigError(where, f"got {text!r}, expected one of {', '.join(self.choices)}")
        if isinstance(self.default, bool):
            if text.lower() not in ("true", "false"):
                raise ConfigError(where, f"got {text!r}, expected true or false")
            return text.lower() == "true"
        try:
            value = type(self.default)(text)
        except ValueError:
            raise ConfigError(
                where, f"got {text!r}, expected {type(self.default).__name__}"
            ) from None
        if self.bounds is not None and not self.bounds[0] <= value <= self.bounds[1]:
            lower, upper = self.bounds
            raise ConfigError(where, f"got {text}, expected {lower:g} to {upper:g}")
        return value


@dataclass(frozen=True)
class NodeProcess:
    """One process of the graph.

    Attributes:
        name: of the node.
        executable: its module and executable in `vla_nodes`.
        lifecycle: whether the bring-up configures and activates it.
        respawn: whether it is started again should it end once the graph is up.
        remappings: names in the node -> names on the graph.
        profile: file under `config/` with its own Fast DDS profile; empty: that of the graph.
    """

    name: str
    executable: str
    parameters: Mapping[str, ArgumentValue]
    lifecycle: bool = True
    respawn: bool = False
    remappings: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""


@dataclass(frozen=True)
class Graph:
    """The description, as in the YAML."""

    source: Path
    arguments: Mapping[str, Argument]
    nodes: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, str]

    @classmethod
    def load(cls, path: Path | None = None) -> Graph:
        """Read the description.

        Raises:
            ConfigError: keys missing or unknown.
        """
        path = path or root() / "config" / "graph.yaml"
        raw = yaml.safe_load(path.read_text())
        _check_keys(str(path), raw, {"arguments", "nodes", "environment"})
        arguments = {}
        for name, given in raw["arguments"].items():
            where = f"{path}, arguments.{name}"
            _check_keys(where, given, {"default", "help"}, {"choices", "bounds"})
            choices = tuple(given.get("choices", ()))
            bounds = tuple(given["bounds"]) if "bounds" in given else None
            arguments[name] = Argument(name, given["default"], given["help"], choices, bounds)
        for name, given in raw["nodes"].items():
            optional = {"when", "unless", "respawn", "remap", "profile"}
            _check_keys(f"{path}, nodes.{name}", given, {"parameters"}, optional)
        return cls(path, arguments, raw["nodes"], raw["environment"])

    def values(self, given: Mapping[str, str]) -> dict[str, ArgumentValue]:
        """All arguments: those given as text, the others by default.

        Raises:
            ConfigError: unknown argument, or a value that it cannot take.
        """
        for name in given:
            if name not in self.arguments:
                known = ", ".join(self.arguments)
                raise ConfigError(f"argument {name!r}", f"is unknown; there are {known}")
        values = {
            name: argument.parse(given[name]) if name in given else argument.default
            for name, argument in self.arguments.items()
        }
        self.namespace(values)
        return values

    @staticmethod
    def namespace(values: Mapping[str, ArgumentValue]) -> str:
        """Of all nodes, such as `/robot1`; a replay is apart. Empty: the root.

        Raises:
            ConfigError: it is none, or that of replays.
        """
        return graph_namespace(str(values["source"]), str(values["namespace"]))

    def processes(self, values: Mapping[str, ArgumentValue]) -> list[NodeProcess]:
        """The processes for these arguments, the bring-up last.

        Raises:
            ConfigError: no such policy, or one whose systems cannot run on two hosts.
        """
        known = {**values, SYSTEMS: _systems(values).value}
        apart = CLOCK_REMAP if values["source"] == REPLAY else {}
        started = [
            NodeProcess(
                name,
                name,
                self._parameters(name, values),
                respawn=values["respawn"] and node.get("respawn", True),
                remappings={**node.get("remap", {}), **apart},
                profile=node.get("profile", ""),
            )
            for name, node in self.nodes.items()
            if all(known[key] in allowed for key, allowed in node.get("when", {}).items())
            and not any(known[key] in names for key, names in node.get("unless", {}).items())
        ]
        if values["system2"] == "only":
            return started  # the bring-up on the robot's host configures it over the network
        names = [process.name for process in started]
        if values["system2"] == "elsewhere":
            names = [n for n in self.nodes if n in names or n == "intent_node"]
        parameters = {"nodes": ",".join(names), "timeout_s": values["timeout_s"]}
        return [*started, NodeProcess(BRING_UP, BRING_UP, parameters, lifecycle=False)]

    @staticmethod
    def bring_up_again(name: str, values: Mapping[str, ArgumentValue]) -> NodeProcess:
        """The bring-up of one node that was started again."""
        parameters = {"nodes": name, "timeout_s": values["timeout_s"]}
        return NodeProcess(f"{BRING_UP}_{name}", BRING_UP, parameters, lifecycle=False)

    def process_environment(
        self, environment: Mapping[str, str], log: Callable[[str], None] = lambda line: None
    ) -> dict[str, str]:
        """`environment` with what the graph needs where it is not set.

        Args:
            log: takes a line where there is no room for the profile of the middleware.
        """
        result = {**{k: str(v) for k, v in self.environment.items()}, **environment}
        variable = _profile_variable(environment)
        if variable in result or not _OWN_PROFILE.is_file():
            return result
        free = shutil.disk_usage("/dev/shm").free if os.path.isdir("/dev/shm") else 0
        if free > _SHARED_MEMORY_BYTES:
            result[variable] = str(_OWN_PROFILE)
        else:
            log(
                f"{free // 2**20} MiB of /dev/shm are free, {_SHARED_MEMORY_BYTES // 2**20} are "
                f"needed for {_OWN_PROFILE.name}: Fast DDS's own segments are used, in which big "
                "pictures come late or get lost; give a container --shm-size=1g"
            )
        return result

    @staticmethod
    def undone_by(environment: Mapping[str, str]) -> str:
        """What undoes the command node's own profile, for a person; empty: nothing."""
        if environment.get(_RANGE) != _LOCALHOST:
            return ""
        return (
            f"{_RANGE}={_LOCALHOST} gives the command node shared memory, in which a node that "
            "dies can hold up commands for a third of a second: leave it out, and keep graphs "
            "apart by ROS_DOMAIN_ID"
        )

    @staticmethod
    def environment_of(profile: str, environment: Mapping[str, str]) -> dict[str, str]:
        """`environment` of a process with a profile of its own, unless a person has set another.

        Args:
            profile: file under `config/`; empty: that of the graph.
        """
        name, own = _profile_variable(environment), str(_OWN_PROFILE)
        if not profile or environment.get(name, own) != own:
            return dict(environment)
        return {**environment, name: str(_OWN_PROFILE.with_name(profile))}

    def _parameters(
        self, name: str, values: Mapping[str, ArgumentValue]
    ) -> dict[str, ArgumentValue]:
        parameters = {
            key: self._value(f"{self.source}, nodes.{name}.{key}", given, values)
            for key, given in self.nodes[name]["parameters"].items()
        }
        follows_clock = values["use_sim_time"] or values["source"] == REPLAY
        return {**parameters, "use_sim_time": follows_clock}

    def _value(self, where: str, given: Any, values: Mapping[str, ArgumentValue]) -> ArgumentValue:
        """A parameter's value: plain, `$argument`, or `{is: [argument, value]}`."""
        if isinstance(given, Mapping):
            _check_keys(where, given, {"is"})
            name, expected = given["is"]
            return values[name] == expected
        if not isinstance(given, str) or not given.startswith("$"):
            return given
        if given[1:] not in values:
            raise ConfigError(where, f"{given} is no argument; there are {', '.join(values)}")
        return values[given[1:]]


def _systems(values: Mapping[str, ArgumentValue]) -> Systems:
    """Which processes the chosen policy runs in."""
    manifest = PolicyManifest.load(policy_folder(str(values["policy"])))
    if manifest.systems is Systems.JOINT and values["system2"] != "here":
        raise ConfigError(
            "argument 'system2'",
            f"got {values['system2']!r}, but policy {manifest.name!r} runs both systems in one "
            "process: leave it at 'here'",
        )
    return manifest.systems


def _profile_variable(environment: Mapping[str, str]) -> str:
    version_2 = environment.get("ROS_DISTRO") in _FAST_DDS_2
    return f"{'FASTRTPS' if version_2 else 'FASTDDS'}_DEFAULT_PROFILES_FILE"


def log_to_stderr(line: str) -> None:
    """Tell a person, apart from what a program prints for others."""
    print(line, file=sys.stderr, flush=True)


def _check_keys(
    where: str, raw: object, required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> None:
    got = set(raw) if isinstance(raw, Mapping) else set()
    if required - got or got - required - optional:
        raise ConfigError(
            where,
            f"missing keys {sorted(required - got)}, "
            f"unknown keys {sorted(got - required - optional)}",
        )
