"""Answers what is asked of a scene, one request after the other."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from vla_suite_server.scene import AdvisingScene, ServedScene, State


class Server:
    """One scene, made by the first request.

    A request is a map with `do`, the name of a method here, and its arguments.
    """

    def __init__(self) -> None:
        self._scene: ServedScene | None = None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked for; whatever the scene raises goes through."""
        arguments = dict(request)
        do = arguments.pop("do", None)
        if do not in ("open", "reset", "play", "advise", "render", "intrinsics", "close"):
            raise ValueError(f"got {do!r}, which nothing here does")
        return getattr(self, do)(**arguments)

    def open(self, entry: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make the scene by `module:function` with its options."""
        module, _, function = entry.partition(":")
        self._scene = getattr(importlib.import_module(module), function)(**options)
        return {"timestep_s": float(self._scene.timestep_s)}

    def reset(self, seed: int, task: int | None) -> dict[str, Any]:
        """A new scene: which task it tells, and its state."""
        told = self._scene.reset(seed, task)
        return {"told": int(told), **self._scene.state()._asdict()}

    def play(self, actions: np.ndarray, period_s: float, cameras: list[str]) -> dict[str, Any]:
        """Command `(steps, dof)` one after the other: the state after each, pictures at the end."""
        states = []
        for action in actions:
            self._scene.act(action, period_s)
            states.append(self._scene.state())
        answer = {name: np.stack([getattr(s, name) for s in states]) for name in State._fields}
        return {**answer, "images": {name: self._scene.render(name) for name in cameras}}

    def advise(self) -> dict[str, Any]:
        """What the suite's own expert would command now."""
        if not isinstance(self._scene, AdvisingScene):
            raise TypeError(f"{type(self._scene).__name__} has no expert to ask")
        return {"action": np.asarray(self._scene.advise(), float)}

    def render(self, camera: str) -> dict[str, Any]:
        """A picture of now."""
        return {"picture": self._scene.render(camera)}

    def intrinsics(self, camera: str) -> dict[str, Any]:
        """Of the camera that draws it."""
        return {"matrix": np.asarray(self._scene.intrinsics(camera), float)}

    def close(self) -> dict[str, Any]:
        """Free the scene."""
        if self._scene is not None:
            self._scene.close()
        return {}
