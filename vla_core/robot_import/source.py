"""A description as its vendor wrote it: xacro expanded, and where its meshes lie."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

from vla_core.errors import ConfigError, RobotDescriptionError

#: Variables that name folders in which packages lie, and where in them.
_PREFIXES = {"ROS_PACKAGE_PATH": "", "AMENT_PREFIX_PATH": "share"}


class Source:
    """A vendor's URDF or xacro.

    Args:
        path: the file.
        packages: folder by package name, of those that are not around the file.
        arguments: of the xacro, by name.

    Attributes:
        root: the expanded `<robot>`.

    Raises:
        RobotDescriptionError: no such file, no XML, or xacro refuses it.
    """

    def __init__(
        self,
        path: Path,
        packages: Mapping[str, Path] | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self._packages = path.resolve(), dict(packages or {})
        if not path.is_file():
            raise RobotDescriptionError(str(path), "no such file; expected a URDF or a xacro")
        if path.suffix == ".xacro":
            text = _expanded(self.path, self._packages, dict(arguments or {}))
        elif arguments:
            raise RobotDescriptionError(str(path), "is no .xacro, so it takes no arguments")
        else:
            text = path.read_bytes()
        try:
            self.root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise RobotDescriptionError(str(path), f"is not XML: {error}") from error
        if self.root.tag != "robot":
            raise RobotDescriptionError(str(path), f"got <{self.root.tag}>, expected <robot>")

    def mesh(self, filename: str) -> Path:
        """The file that a `<mesh filename>` means: `package://`, `file://`, absolute or relative.

        Raises:
            RobotDescriptionError: there is none.
        """
        plain = filename.removeprefix("file://")
        if filename.startswith(("package://", "model://")):
            package, _, rest = filename.partition("://")[2].partition("/")
            candidates = [folder / rest for folder in self._folders(package)]
        else:
            candidates = [self.path.parent / plain]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        raise RobotDescriptionError(
            str(self.path),
            f"mesh {filename} is in none of {', '.join(map(str, candidates)) or 'no folder'}; "
            "say where its package lies: --package NAME=FOLDER",
        )

    def _folders(self, package: str) -> list[Path]:
        """Where a package may lie: as told, beside or above the file, where ROS has it."""
        if package in self._packages:
            return [self._packages[package]]
        above = [folder / package for folder in self.path.parents]
        above += [folder for folder in self.path.parents if folder.name == package]
        told = [
            Path(prefix) / inside / package
            for name, inside in _PREFIXES.items()
            for prefix in os.environ.get(name, "").split(":")
            if prefix
        ]
        return [folder for folder in (*above, *told) if folder.is_dir()]


def _expanded(path: Path, packages: Mapping[str, Path], arguments: dict[str, str]) -> str:
    """The URDF that a xacro stands for."""
    try:
        from xacrodoc import XacroDoc
        from xacrodoc import packages as finder
    except ImportError as error:
        raise ConfigError(
            str(path), "is a xacro, and xacrodoc is not here; .venv/bin/pip install xacrodoc"
        ) from error
    finder.update_package_cache({name: str(folder) for name, folder in packages.items()})
    try:
        return XacroDoc.from_file(path, subargs=arguments, resolve_packages=False).to_urdf_string()
    except Exception as error:  # xacro raises what its expressions raise
        raise RobotDescriptionError(str(path), f"xacro cannot expand it: {error}") from error
