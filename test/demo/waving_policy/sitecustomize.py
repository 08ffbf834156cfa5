"""Python runs this at start when the folder is on PYTHONPATH: processes then know kind `waving`."""

from vla_core.policies.registry import KINDS

KINDS["waving"] = "waving_policy"
