"""Who may reset an emergency stop is written here; no automatic caller can, as it has no means to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Every way to a reset: the service, its topic, the core's method, the request in the table.
RESET = re.compile(r"ResetEstop\b|RESET_ESTOP\b|reset_estop\b|Act\.RESET\b")
WHO = {
    "vla_core/handover/modes.py": "the table, and the refusal that says how",
    "vla_core/command/command_core.py": "decides",
    "vla_core/console/console_client.py": "what the console asks of its client",
    "vla_core/console/app.py": "a person's key",
    "vla_core/console/keys.py": "which",
    "vla_nodes/programs/console/live_client.py": "the console asks",
    "vla_nodes/nodes/command/mode_services.py": "the command node's service",
    "vla_nodes/wire/topics.py": "its name",
    "vla_nodes/nodes/instruction/instruction_action.py": "a refusal that says how",
    "vla_nodes/nodes/ready_node.py": "a refusal that says how",
    "vla_nodes/programs/faults/person.py": "stands for the person at the robot",
    "vla_nodes/programs/faults/fault_run.py": "calls that person",
    "benchmarks/safety_adversary.py": "resets the core, without a robot",
}
#: Of those, who calls it: the console for a person, the fault runs for theirs, the fuzz.
CALLERS = {
    "vla_core/console/app.py",
    "vla_nodes/programs/console/live_client.py",
    "vla_nodes/nodes/command/mode_services.py",
    "vla_nodes/programs/faults/person.py",
    "vla_nodes/programs/faults/fault_run.py",
    "benchmarks/safety_adversary.py",
}
CALL = re.compile(r"\breset_estop\(|create_client\(ResetEstop|create_service\(ResetEstop")
DEFINITION = re.compile(r"def reset_estop\(")


def sources() -> dict[str, str]:
    """Text of every Python file that is not a test, by its path from the root."""
    folders = ("vla_core", "vla_nodes", "benchmarks", "launch", "tools")
    files = (file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return {str(file.relative_to(ROOT)): file.read_text() for file in files}


def test_only_these_know_of_the_reset():
    assert {path for path, text in sources().items() if RESET.search(text)} == set(WHO)


def test_only_these_call_it():
    found = {
        path for path, text in sources().items() if CALL.search(DEFINITION.sub("", text))
    }
    assert found == CALLERS


@pytest.mark.parametrize("path", ["config/graph.yaml", "launch/bringup.launch.py", "vla"])
def test_nothing_that_starts_the_graph_knows_of_it(path):
    assert not RESET.search((ROOT / path).read_text())
