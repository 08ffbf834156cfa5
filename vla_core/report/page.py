"""One HTML file that holds everything it shows: opens anywhere, fetches nothing."""

from __future__ import annotations

import base64
import json
import platform
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

_FOLDER = Path(__file__).parent


def render(template: str, **shown: Any) -> str:
    """A page from a template that extends `page.html.jinja`.

    The page's content security policy forbids every request, so that it shows the same with and
    without a network.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["plot"] = plot
    return environment.get_template(template).render(
        style=Markup((_FOLDER / "page.css").read_text()),
        script=Markup((_FOLDER / "page.js").read_text()),
        plotly=Markup(get_plotlyjs()),
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        **shown,
    )


def plot(figure: Figure) -> Markup:
    """A figure's place in a page; `page.js` draws it there."""
    shown = json.loads(figure.to_json())
    shown["layout"].pop("template", None)
    text = json.dumps(shown, separators=(",", ":")).replace("<", "\\u003c")
    height = figure.layout.height
    return Markup(
        f'<div class="plot" style="height:{height}px">'
        f'<script type="application/json">{text}</script></div>'
    )


def data_uri(data: bytes, kind: str) -> str:
    """A file of this media type, to stand in a page."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
