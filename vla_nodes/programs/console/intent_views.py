"""How the intents that come are shown: as the policy that forms them says."""

from __future__ import annotations

import time

from rcl_interfaces.srv import GetParameters
from rclpy.node import Node

from vla_core.contract.intent_view import IntentView
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import VlaError
from vla_core.paths import policy_folder
from vla_core.policies.registry import load_view
from vla_core.types import LatentIntent
from vla_nodes.programs.console.service_calls import ServiceCalls, Words

#: One of these runs a policy in a graph, and knows its name.
_NODES = ("action_node", "policy_node")
#: How often they are asked until one tells it [s].
_AGAIN_S = 2.0


class IntentViews:
    """Asks the graph for its policy whenever intents of an unknown feature space come.

    Args:
        node: owns the clients.
        calls: asks, and says why nothing can be shown.
    """

    def __init__(self, node: Node, calls: ServiceCalls) -> None:
        self._clients = [
            node.create_client(GetParameters, f"{name}/get_parameters") for name in _NODES
        ]
        self._calls = calls
        self._views: dict[str, IntentView] = {}
        self._asked_s = 0.0

    def of(self, intent: LatentIntent) -> IntentView | None:
        """Who shows it; None as long as its policy is not known."""
        view = self._views.get(intent.fingerprint)
        now_s = time.monotonic()
        if view is None and now_s - self._asked_s > _AGAIN_S:
            self._asked_s = now_s
            request = GetParameters.Request(names=["policy"])
            for client in self._clients:
                if client.service_is_ready():
                    self._calls.ask("policy", client, request, self._read, nobody="")
        return view

    def _read(self, answer: GetParameters.Response) -> Words | None:
        name = answer.values[0].string_value if answer.values else ""
        try:
            manifest = PolicyManifest.load(policy_folder(name))
            self._views[manifest.fingerprint] = load_view(name)
        except VlaError as error:
            return Words(f"no foresight: {error}", False)
        return None
