"""An executed notebook as one HTML file: outputs first, offline, nothing runs in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter

from runner.ipynb import Notebook

TEMPLATES = Path(__file__).parent / "templates"


def render(notebook: Notebook, record: Mapping[str, Any]) -> str:
    """Render a notebook with the record of its run."""
    exporter: Any = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic", sanitize_html=True
    )
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)
