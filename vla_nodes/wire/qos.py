"""Quality of service of every topic, chosen once, with the reason."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(
    depth: int,
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


#: Cameras and joint states as we subscribe to them: best effort matches every driver, reliable or
#: not, and a late frame is not worth a wait. Ten deep, so that a garbage collection drops none.
SENSOR = _profile(10, ReliabilityPolicy.BEST_EFFORT)

#: Cameras and joint states as the simulated robot publishes them: reliable serves every subscriber.
SENSOR_SOURCE = _profile(5)

#: Observations, intents and chunks: only the newest counts, so nothing queues behind a slow reader;
#: reliable, because they are sent in fragments and one lost datagram must not lose the whole.
LATEST = _profile(1)

#: Commands to the robot: ros2_control subscribes reliably; one deep, so that the control thread
#: never waits for a reader and a reader never follows an old command.
COMMAND = _profile(1)

#: Instruction and mode: a state, not an event. Whoever joins late must know it at once.
LATCHED = _profile(1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

#: Interventions: each is kept for whoever joins late, none is replaced by the next.
EVENTS = _profile(100, durability=DurabilityPolicy.TRANSIENT_LOCAL)

#: Per-tick reports of the control loop: best effort, so that the loop never resends to a slow
#: reader; fifty deep, a quarter of a second at 200 Hz.
STATUS = _profile(50, ReliabilityPolicy.BEST_EFFORT)

#: The same for who looks now and then: only the newest.
NEWEST_STATUS = _profile(1, ReliabilityPolicy.BEST_EFFORT)

#: Emergency stop: must arrive, from any publisher, and every press counts. All publishers share
#: the reader's queue, so it is deep: who floods the topic must not push a press out of it.
ESTOP = _profile(1000)

#: Moving transforms, as tf2 publishes them: a buffer of a listener wants each.
TRANSFORMS = _profile(100)
