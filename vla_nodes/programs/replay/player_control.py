"""Asks the bag player, and knows where it is."""

from __future__ import annotations

from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from vla_core.replay.playback import Phase
from vla_nodes.nodes.bag_player_node import SERVICES
from vla_nodes.observe.graph_observer import GraphError, GraphObserver

PLAYER = "bag_player_node"
#: Times real time that the keys + and - go through.
_RATES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
#: What a terminal sends for the right arrow.
_RIGHT = "\x1b[C"


class PlayerControl:
    """The bag player of the graph that an observer listens to.

    Args:
        observer: asks, and receives the player's diagnostics.
        rate: that the player was started with, times real time.
    """

    def __init__(self, observer: GraphObserver, rate: float) -> None:
        self._observer = observer
        self._clients = {
            name: observer.create_client(Trigger, f"{PLAYER}/{name}") for name in SERVICES
        }
        self._set_parameters = observer.create_client(SetParameters, f"{PLAYER}/set_parameters")
        self._first_rate = rate

    def ask(self, service: str) -> None:
        """Call one of `bag_player_node.SERVICES`.

        Raises:
            GraphError: refused, or nobody answers.
        """
        answer = self._observer.call(self._clients[service], Trigger.Request())
        if not answer.success:
            raise GraphError(f"{PLAYER}/{service} was refused: {answer.message}")

    def set(self, name: str, value: bool | float) -> None:
        """Set parameter `rate` or `loop`.

        Raises:
            GraphError: refused, or nobody answers.
        """
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        (result,) = self._observer.call(self._set_parameters, request).results
        if not result.successful:
            raise GraphError(f"{name} {value} was refused: {result.reason}")

    def press(self, key: str) -> bool:
        """Do what a key stands for: space, `.` or right arrow, `+`, `-`, q.

        Returns:
            Whether to go on.
        """
        if key == " ":
            self.ask("toggle_paused")
        elif key in (".", _RIGHT):
            self.ask("play_next")
        elif key == "+":
            self.set("rate", min((r for r in _RATES if r > self.rate), default=_RATES[-1]))
        elif key == "-":
            self.set("rate", max((r for r in _RATES if r < self.rate), default=_RATES[0]))
        return key != "q"

    @property
    def rate(self) -> float:
        """Times real time, as the player said last."""
        return float(self.values.get("rate", self._first_rate))

    @property
    def phase(self) -> Phase | None:
        """Where the play is; None before the player has said so."""
        phase = self.values.get("phase")
        return Phase(phase) if phase else None

    @property
    def values(self) -> dict[str, str]:
        """What the player said of itself last."""
        status = self._observer.diagnostics.get(PLAYER)
        return {} if status is None else {pair.key: pair.value for pair in status.values}
