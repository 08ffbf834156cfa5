"""What the console asks of whoever connects it to the graph."""

from __future__ import annotations

from typing import Protocol

from vla_core.console.snapshot import Snapshot
from vla_core.handover.keyboard import Jog
from vla_core.types import ControlMode


class ConsoleClient(Protocol):
    """Never blocks: what is asked for is answered in a later snapshot's `answers`."""

    def snapshot(self) -> Snapshot:
        """Everything known now."""

    def estop(self) -> None:
        """Press the emergency stop, at once, and until ESTOP is confirmed."""

    def ask_mode(self, mode: ControlMode) -> None:
        """Ask the command node for a mode."""

    def reset_estop(self) -> None:
        """Reset the emergency stop, in the name of whoever sits here."""

    def instruct(self, text: str) -> None:
        """Put an instruction in force."""

    def save_recording(self) -> None:
        """Save the last seconds that the recorder keeps."""

    def go_ready(self) -> None:
        """Plan the way to the ready pose, and go."""

    def next_camera(self) -> None:
        """Show another camera."""

    def take_over(self) -> None:
        """Hold the keyboard's deadman, or keep it."""

    def jog(self, jog: Jog) -> None:
        """Move the hand for a moment."""

    def close_hand(self, closed: bool) -> None:
        """Close the hand, or open it."""

    def change_side(self) -> None:
        """Move the other hand."""

    def let_go(self) -> bool:
        """Let go of the keyboard's deadman; whether it was held."""
