"""`python -m vla_core.cli`: what the `./vla` file runs."""

from __future__ import annotations

import sys

from vla_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
