"""A graph of real node processes on a domain of its own, and a node that listens and asks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor

from vla_core.types import ControlMode
from vla_msgs.srv import ResetEstop, SetInstruction, SetMode
from vla_nodes.graph.process_group import ProcessGroup
from vla_nodes.graph.shared_memory import free_orphans
from vla_nodes.wire import qos, topics

ROOT = Path(__file__).resolve().parents[2]
#: Generous, as tests share two cores with whatever else runs.
TIMEOUT_S = 30.0


def free_domain() -> int:
    """A ROS_DOMAIN_ID whose discovery port nobody uses."""
    start = os.getpid() % 100
    for number in range(100):
        domain = 1 + (start + number) % 100
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7400 + 250 * domain))
            except OSError:
                continue
            return domain
    raise RuntimeError("all 100 ROS domains are in use")


def environment(domain: int) -> dict[str, str]:
    """Of the processes under test: their domain, this checkout, the toy policies."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    paths = [ROOT, ROOT / "test" / "toy_policies", os.environ.get("PYTHONPATH", "")]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths if path),
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl"),
        "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
    }


def processes_of(domain: int) -> dict[int, str]:
    """Process id -> command line of node processes on a domain."""
    marker = f"ROS_DOMAIN_ID={domain}\0".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if b"vla_nodes." in command and marker in (folder / "environ").read_bytes() + b"\0":
                found[int(folder.name)] = command.replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


class Live:
    """Starts processes, and speaks with them as a node of the same domain."""

    def __init__(self, domain: int, logs: Path) -> None:
        self.domain = domain
        self.logs = logs
        self.group = ProcessGroup(logs)
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("test", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.reports: dict[str, DiagnosticStatus] = {}
        self.node.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._on_report, 50)
        self.newest: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def close(self) -> None:
        """End everything that was started."""
        self.group.stop()
        free_orphans()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def start(self, name: str, *arguments: str, module: str = "", **variables: str) -> None:
        """Start a node process with ROS arguments, its log under its name."""
        command = [sys.executable, "-m", f"vla_nodes.{module or 'nodes.' + name}", *arguments]
        self.group.start(name, command, environment(self.domain) | variables)

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def listen(self, message_type: type, topic: str, profile=qos.STATUS) -> None:
        """Keep the newest message of a topic in `newest`, and how many came in `counts`."""
        self.counts.setdefault(topic, 0)

        def keep(message: Any) -> None:
            self.newest[topic] = message
            self.counts[topic] += 1

        self.node.create_subscription(message_type, topic, keep, profile)

    def wait_until(
        self, done: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S, each=None
    ) -> Any:
        """Serve callbacks until `done` gives something true, and return it."""
        end_s = time.monotonic() + timeout_s
        while not (result := done()):
            if time.monotonic() > end_s:
                logs = "".join(
                    f"\n--- {p.name}\n{p.read_text()[-1500:]}" for p in self.logs.iterdir()
                )
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self.states()}{logs}")
            if each is not None:
                each()
            self._executor.spin_once(timeout_sec=0.02)
        return result

    def states(self) -> str:
        return "\n".join(f"{name}: {s.message}" for name, s in self.reports.items())

    def values(self, name: str) -> dict[str, str]:
        """Keys and values of a node's newest report."""
        status = self.reports.get(f"/{name}", DiagnosticStatus())
        return {pair.key: pair.value for pair in status.values}

    def call(self, service_type: type, name: str, request: Any) -> Any:
        client = self.node.create_client(service_type, name)
        self.wait_until(client.service_is_ready, f"service {name}")
        answer = client.call_async(request)
        self.wait_until(answer.done, f"answer of {name}")
        self.node.destroy_client(client)
        return answer.result()

    def change(self, name: str, word: str) -> bool:
        """Ask for a lifecycle transition, e.g. `activate`; whether it succeeded."""
        number = getattr(Transition, f"TRANSITION_{word.upper()}")
        request = ChangeState.Request(transition=Transition(id=number))
        self.reports.pop(f"/{name}", None)
        return self.call(ChangeState, f"{name}/change_state", request).success

    def instruct(self, text: str) -> SetInstruction.Response:
        return self.call(SetInstruction, topics.SET_INSTRUCTION, SetInstruction.Request(text=text))

    def ask_mode(self, mode: ControlMode) -> SetMode.Response:
        return self.call(SetMode, topics.SET_MODE, SetMode.Request(mode=int(mode)))

    def reset_estop(self, by: str) -> ResetEstop.Response:
        return self.call(ResetEstop, topics.RESET_ESTOP, ResetEstop.Request(by=by))

    def wait_for_mode(self, mode: ControlMode) -> None:
        """Until the command node says so; `listen` to `msg.ControlMode` before."""
        self.wait_until(
            lambda: topics.MODE in self.newest and self.newest[topics.MODE].mode == mode,
            f"mode {mode.name}",
        )

    def enter(self, mode: ControlMode) -> None:
        """Ask for a mode until it is accepted, and wait for it: on a busy machine joint states are
        late now and then, and then it is refused, as it should be."""
        self.wait_until(lambda: self.ask_mode(mode).accepted, f"{mode.name} is accepted")
        self.wait_for_mode(mode)

    def wait_for_report(self, name: str, level: bytes, *words: str, each=None) -> str:
        """Until a node's diagnostics have a level and hold all words; its message."""

        def seen() -> str:
            status = self.reports.get(f"/{name}")
            if status is None or status.level != level:
                return ""
            return status.message if all(word in status.message for word in words) else ""

        return self.wait_until(seen, f"{name} reports {level!r} with {words}", each=each)

    def _on_report(self, message: DiagnosticArray) -> None:
        self.reports.update({status.name: status for status in message.status})


def run_process(domain: int, *command: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess:
    """Run a process to its end."""
    return subprocess.run(
        [sys.executable, *command],
        env=environment(domain),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
