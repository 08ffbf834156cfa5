"""LeRobot's asynchronous client: a queue of timed actions, new chunks averaged into it."""

from __future__ import annotations

import threading
from queue import Queue
from typing import Any

import numpy as np

from vla_core.chunks.peers.stepped_peer import SteppedPeer
from vla_core.types import Context, LatentIntent

#: The client's own defaults (`RobotClientConfig`).
THRESHOLD, AGGREGATE = 0.5, "weighted_average"


class LerobotQueue(SteppedPeer):
    """The client's own methods on its own queue; network, cameras and threads are left out.

    It is made without its constructor, which connects to a robot and a server. The server's filter
    of observations that look alike is left out, too.
    """

    def __init__(self, system1, schedule, rng, period_s) -> None:
        import torch
        from lerobot.async_inference.configs import get_aggregate_function
        from lerobot.async_inference.helpers import TimedAction
        from lerobot.async_inference.robot_client import RobotClient

        super().__init__(system1, schedule, rng, period_s)
        self._tensor, self._timed = torch.from_numpy, TimedAction
        self._aggregate = get_aggregate_function(AGGREGATE)
        client = RobotClient.__new__(RobotClient)
        client.robot = self
        client.latest_action, client.action_chunk_size = -1, -1
        client._chunk_size_threshold = THRESHOLD
        client.action_queue, client.action_queue_size = Queue(), []
        client.action_queue_lock, client.latest_action_lock = threading.Lock(), threading.Lock()
        self._client = client
        self._asked_step = 0
        self._coming: list[Any] = []
        self._sent: np.ndarray | None = None
        self.action_features = tuple(system1.manifest.joint_names)

    def send_action(self, action: dict[str, float]) -> dict[str, float]:
        """The robot that the client moves."""
        self._sent = np.array([action[name] for name in self.action_features])
        return action

    def hungry(self) -> bool:
        """Once at most half of a chunk is left in the queue."""
        return self._client._ready_to_send_observation()

    def ask(self, context: Context, intent: LatentIntent) -> None:
        """Actions of a chunk are numbered from the newest one that was performed."""
        self._asked_step = max(self._client.latest_action, 0)
        self._coming = [
            self._timed(timestamp=0.0, timestep=self._asked_step + i, action=self._tensor(action))
            for i, action in enumerate(self.actions(context, intent))
        ]

    def receive(self) -> None:
        """As `receive_actions` does, once it has read them from the network."""
        client = self._client
        client.action_chunk_size = max(client.action_chunk_size, len(self._coming))
        client._aggregate_action_queues(self._coming, self._aggregate)
        self.delay.add(max(client.latest_action, 0) - self._asked_step)

    def next_action(self) -> np.ndarray | None:
        """What the client sends to its robot."""
        if not self._client.actions_available():
            return None
        self._client.control_loop_action()
        return self._sent
