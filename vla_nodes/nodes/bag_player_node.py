"""Plays a recorded bag into the graph of a replay on the recording's own clock: messages as they
lie in it, and the clock. Pause, step, rate, part and loop are parameters and services of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from rclpy.executors import SingleThreadedExecutor
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError, VlaError
from vla_core.observation.observation_builder import cameras_of
from vla_core.paths import policy_folder
from vla_core.recordings.bags.part import Part
from vla_core.recordings.sources.bag_recording import input_topics
from vla_core.replay.playback import Phase, Playback, open_playback
from vla_core.robot.load import load_robot
from vla_nodes.base.parameters import POLICY, ROBOT, NodeParameter, Taken
from vla_nodes.base.suite_node import SuiteNode, run
from vla_nodes.wire import qos
from vla_nodes.wire.conversions import to_time
from vla_nodes.wire.message_definitions import message_class
from vla_nodes.wire.replay_space import clock_topic, on_graph, require_apart

#: Services, named as those of `ros2 bag play`.
SERVICES = {
    "pause": Playback.pause,
    "resume": Playback.resume,
    "toggle_paused": Playback.toggle,
    "play_next": Playback.step,
}
#: Times real time.
SLOWEST, FASTEST = 0.1, 10.0
_CLOCK = QoSProfile(depth=1)
#: Longest sleep between two looks at what is due [s].
_POLL_S = 0.002
_POLLS_PER_SERVICE = 5
_IDLE_WAIT_S = 0.05


class BagPlayerNode(SuiteNode):
    """Publishes what is due. Paused at the bag's first moment until `resume` is called.

    Services (std_srvs/Trigger): `~/pause`, `~/resume`, `~/toggle_paused`, `~/play_next` (one picture
    of the policy's first camera). Parameters `rate` and `loop` may be set meanwhile.
    """

    PARAMETERS = (
        ROBOT,
        POLICY,
        NodeParameter("bag", "", "Folder of a rosbag2, its file, or a ROS 1 bag."),
        NodeParameter(
            "bag_namespace", "", "Of the robot in the bag; empty: the only one that it can be."
        ),
        NodeParameter(
            "rate", 1.0, "Times real time.", SLOWEST, FASTEST, taken=Taken.AT_ONCE
        ),
        NodeParameter("from_s", 0.0, "First moment, since the bag's begin [s].", 0.0, 1e6),
        NodeParameter("to_s", 0.0, "Last moment [s]; 0: the bag's end.", 0.0, 1e6),
        NodeParameter("loop", False, "Whether to begin anew at the end.", taken=Taken.AT_ONCE),
        NodeParameter("clock_hz", 100.0, "How often the clock is published [Hz].", 10.0, 1000.0),
    )

    def __init__(self) -> None:
        super().__init__("bag_player_node")
        self._playback: Playback | None = None
        #: Topic of the bag -> where it is played.
        self._live_names: dict[str, str] = {}
        self._sources: dict[str, Publisher] = {}
        self._clock_due_s = 0.0
        self._reported: tuple[Phase, int, float] | None = None
        self._clock_publisher: Publisher | None = None
        for name, action in SERVICES.items():
            self.create_service(Trigger, f"~/{name}", self._served(action))

    def configure(self) -> None:
        """Open the bag, and check that it has what the policy needs."""
        if not self.values["bag"]:
            raise ConfigError("parameter 'bag'", "got '', expected the folder of a bag")
        robot = load_robot(self.values["robot"])
        manifest = PolicyManifest.load(policy_folder(self.values["policy"]))
        part = Part(self.values["from_s"], self.values["to_s"])
        here = on_graph(self, robot)
        live = input_topics(
            here, cameras_of(here.cameras, manifest), manifest.observation.cameras
        )
        require_apart(self, [clock_topic(self.get_namespace()), *live])
        playback = open_playback(
            Path(self.values["bag"]), robot, manifest, part, self.values["bag_namespace"] or None
        )
        self._live_names = dict(zip(playback.topics, live, strict=True))
        self._playback = playback

    def activate(self) -> None:
        """Show the first moment; after a deactivation go on."""
        clock = clock_topic(self.get_namespace())
        self._clock_publisher = self.create_publisher(Clock, clock, _CLOCK)
        self._sources = {
            topic: self.create_publisher(
                message_class(kind), self._live_names[topic], qos.SENSOR_SOURCE
            )
            for topic, kind in self._playback.topics.items()
        }

    def deactivate(self) -> None:
        """Publish nothing more."""
        if not self._sources:
            return
        for publisher in (self._clock_publisher, *self._sources.values()):
            self.destroy_publisher(publisher)
        self._sources = {}

    def cleanup(self) -> None:
        """Forget the bag."""
        self._playback = None

    def spin(self) -> None:
        """Play; serve parameters, services and the lifecycle in between."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        polls = 0
        while self.context.ok():
            if not self._sources:
                executor.spin_once(timeout_sec=_IDLE_WAIT_S)
                continue
            if polls % _POLLS_PER_SERVICE == 0:
                executor.spin_once(timeout_sec=0)
            self.poll()
            polls += 1
            time.sleep(_POLL_S)

    def poll(self) -> None:
        """Publish what is due: the clock first, so that nothing is stamped later than it."""
        playback = self._playback
        if not self._sources:
            return
        playback.rate = self.get_parameter("rate").value
        playback.loop = self.get_parameter("loop").value
        began = playback.phase is not Phase.FIRST_MOMENT
        try:
            due = playback.poll()
        except VlaError as error:
            self.refuse(str(error))
            due = []
        now_s = time.monotonic()
        if due or now_s >= self._clock_due_s:
            self._clock_due_s = now_s + 1.0 / self.values["clock_hz"]
            self._clock_publisher.publish(Clock(clock=to_time(playback.now_ns)))
        for topic, data in due:
            self._sources[topic].publish(data)
            if began:
                self.meters.rate(topic).tick()
        self._tell(playback)

    def publish_diagnostics(self) -> None:
        """As every node, with where the play is."""
        playback = self._playback
        if playback is not None:
            since_s = (playback.now_ns - playback.begin_ns) * 1e-9
            self.meters.extra |= {
                "phase": playback.phase.value,
                "since_begin_s": f"{since_s:.3f}",
                "loops": str(playback.loops),
                "slipped_s": f"{playback.slipped_s:.3f}",
                "rate": f"{playback.rate:g}",
                "problems": "\n".join(playback.problems),
            }
        super().publish_diagnostics()

    def _tell(self, playback: Playback) -> None:
        """Report at once what changes, and what could not be played."""
        for problem in playback.problems[self.meters.drops["bag/problems"] :]:
            self.refuse(problem, "bag/problems")
        problem, count = playback.refused
        if count > self.meters.drops["message/unreadable"]:
            self.meters.drops["message/unreadable"] = count - 1
            self.refuse(problem, "message/unreadable")
        reported = (playback.phase, playback.loops, playback.rate)
        if reported != self._reported:
            self._reported = reported
            self.publish_diagnostics()

    def _served(
        self, action: Callable[[Playback], None]
    ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def serve(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            if not self._sources:
                response.message = f"nothing is played: the node is {self.state_label}"
                return response
            action(self._playback)
            response.success, response.message = True, self._playback.phase.value
            return response

        return serve


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run vla_nodes bag_player_node`."""
    return run(BagPlayerNode, args)


if __name__ == "__main__":
    sys.exit(main())
