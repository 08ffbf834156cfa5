"""What System 1 is given as the intent: the real one, or one that should break it."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np

from vla_core.types import LatentIntent


class IntentMode(Enum):
    """Whose intent System 1 follows; all but `PREDICTED` are controls that should fail.

    If the policy did as well with these, it would not be the intent that tells it what to do.
    """

    #: System 2's, for this scene and the told instruction.
    PREDICTED = "predicted"
    #: The same message with every tensor zero.
    ZERO = "zero"
    #: System 2's, from another episode at the same time: another scene, often another instruction.
    SHUFFLED = "shuffled"
    #: System 2's, for this scene but another instruction than the one told.
    WRONG = "wrong"


#: Those that hand System 1 another intent than the policy has just formed.
OF_ANOTHER_MOMENT = frozenset({IntentMode.ZERO, IntentMode.SHUFFLED})


def zeroed(intent: LatentIntent) -> LatentIntent:
    """The intent with every tensor zero."""
    return replace(intent, tensors={n: np.zeros_like(t) for n, t in intent.tensors.items()})
