"""What a package beside ours offers joins by name; what is not there is refused by name."""

from __future__ import annotations

from importlib import invalidate_caches
from pathlib import Path

import pytest

from vla_core.cli.main import EXIT_REFUSED, main
from vla_core.errors import ConfigError
from vla_core.plugins import Registry

GROUP = "vla.policies"
OURS = Registry("kind of policy", GROUP, {"ours": "json:loads"})
#: A kind that "trains" by writing a file, in the words of `contract/kind.py`.
KIND = """
from pathlib import Path
class Recipe:
    def __init__(self, config, asked):
        self.folder, self.dataset, self.shown_by = Path(asked.work or "out"), None, "tabletop"
    def run(self, out):
        out.mkdir(parents=True)
        (out / "trained").write_text("by the plug-in")
def open_recipe(config, asked):
    return Recipe(config, asked)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay a package with entry points onto the path, as pip does."""

    def lay(name: str, source: str, group: str = GROUP, **offered: str) -> None:
        folder = tmp_path / name
        told = folder / f"{name}-1.dist-info"
        told.mkdir(parents=True)
        (folder / f"{name}.py").write_text(source)
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        lines = "".join(f"{key} = {value}\n" for key, value in offered.items())
        (told / "entry_points.txt").write_text(f"[{group}]\n{lines}")
        monkeypatch.syspath_prepend(folder)
        invalidate_caches()

    return lay


def test_what_is_installed_beside_ours_is_found_by_name(install):
    install("plug_found", "VALUE = 7", theirs="plug_found:VALUE")
    assert {"ours", "theirs"} <= set(OURS.names())
    assert OURS.load("theirs", "here") == 7
    assert OURS.load("ours", "here")("1") == 1


def test_a_name_of_ours_stays_ours(install):
    install("plug_taking", "VALUE = 7", ours="plug_taking:VALUE")
    assert OURS.load("ours", "here")("1") == 1


def test_what_is_not_there_is_refused_naming_what_is():
    with pytest.raises(ConfigError, match="here: unknown kind of policy 'rt2', known: .*ours"):
        OURS.load("rt2", "here")


def test_a_name_that_two_packages_offer_is_refused_naming_both(install):
    install("plug_one", "VALUE = 1", same="plug_one:VALUE")
    install("plug_two", "VALUE = 2", same="plug_two:VALUE")
    with pytest.raises(ConfigError, match="by several: plug_one:VALUE, plug_two:VALUE"):
        OURS.load("same", "here")


def test_what_cannot_be_imported_is_refused_with_the_reason(install):
    install("plug_broken", "import nothing_of_that_name", broken="plug_broken:VALUE")
    with pytest.raises(ConfigError, match="cannot be imported: No module named 'nothing_of"):
        OURS.load("broken", "here")


def test_a_configuration_is_trained_by_its_kind(install, tmp_path):
    install("plug_training", KIND, theirs="plug_training")
    config = tmp_path / "theirs.yaml"
    config.write_text("kind: theirs\n")
    assert main(["train", str(config), "--work", str(tmp_path / "work")]) == 0
    assert (tmp_path / "work/policy/trained").read_text() == "by the plug-in"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: clad_of_tomorrow\n", "policy 'clad_of_tomorrow', known: chunk, clad, dial"),
        ("name: nameless\n", "kind: got None, expected one of chunk, clad, dial"),
        ("kind: [\n", "is not YAML"),
    ],
)
def test_a_configuration_of_no_known_kind_is_refused(text, said, tmp_path: Path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(text)
    assert main(["train", str(config)]) == EXIT_REFUSED
    assert said in capsys.readouterr().err


def test_a_sub_command_of_another_package_is_run(install, capsys):
    source = (
        "HELP = 'says hello'\n"
        "def add_arguments(parser):\n    parser.add_argument('name')\n"
        "def run(args):\n    print('hello', args.name)\n    return 3\n"
    )
    install("plug_command", source, "vla.commands", hello="plug_command")
    assert main(["hello", "robot"]) == 3
    assert capsys.readouterr().out == "hello robot\n"


def test_a_broken_one_keeps_no_other_from_running(install, capsys):
    install("plug_bad_command", "import nothing_there", "vla.commands", bad="plug_bad_command")
    assert main(["train", "no_such_configuration"]) == EXIT_REFUSED
    told = capsys.readouterr().err
    assert "sub-command 'bad' (plug_bad_command) cannot be imported" in told
    assert "no_such_configuration" in told
