"""Strategies by the names that configuration gives them."""

from __future__ import annotations

from collections.abc import Callable

from vla_core.chunks.strategies.ensemble import Ensemble
from vla_core.chunks.strategies.fdm import ForwardDynamics
from vla_core.chunks.strategies.naive import Naive
from vla_core.chunks.strategies.protocol import Strategy
from vla_core.chunks.strategies.rtc import RealTimeChunking
from vla_core.chunks.strategies.rtc_trained import TrainedRealTimeChunking
from vla_core.chunks.strategies.switch import Switch
from vla_core.chunks.strategies.sync import Synchronous
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError, PolicyError

#: How each is made, given the steps of a chunk that are executed before the next one.
STRATEGIES: dict[str, Callable[[int], Strategy]] = {
    "switch": lambda _: Switch(),
    "ensemble": lambda _: Ensemble(),
    "rtc": lambda _: RealTimeChunking(),
    "rtc_trained": lambda _: TrainedRealTimeChunking(),
    "fdm": lambda _: ForwardDynamics(),
    "naive": lambda _: Naive(),
    "sync": Synchronous,
}

#: Those of a live graph; the others wait for a standing robot, or join nothing, to compare with.
LIVE_STRATEGIES = tuple(name for name in STRATEGIES if name not in ("naive", "sync"))


def make_strategy(name: str, execute: int = 1, source: str = "strategy") -> Strategy:
    """A new strategy.

    Args:
        execute: steps of a chunk that are meant to be executed before the next one.
        source: file and key, for the message.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in STRATEGIES:
        raise ConfigError(source, f"got {name!r}, expected one of {', '.join(STRATEGIES)}")
    return STRATEGIES[name](execute)


def fitting_strategy(name: str, manifest: PolicyManifest, execute: int = 1) -> Strategy:
    """A new strategy for a policy; arguments as in `make_strategy`.

    Raises:
        ConfigError: there is none of that name.
        PolicyError: the policy cannot do what it needs.
    """
    strategy = make_strategy(name, execute)
    if problem := manifest.why_not(strategy.conditioning):
        raise PolicyError(
            f"policy {manifest.name!r}",
            f"{problem}, which strategy {name!r} needs; train it so, or choose another strategy",
        )
    return strategy
