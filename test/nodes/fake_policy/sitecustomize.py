"""Python runs this at start when the folder is on PYTHONPATH: node processes then know kind `fake`."""

from vla_core.policies.registry import KINDS

KINDS["fake"] = "readable_policy"
