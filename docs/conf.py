"""Sphinx: MyST pages, and the reference from the docstrings of the installed package."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

project = "interpretune-analysis-cache"
author = "the interpretune-analysis-cache authors"
release = version = distribution_version("interpretune-analysis-cache")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_generated"]

html_theme = "furo"
html_title = "interpretune.analysis.cache"

#: In docstrings, single backticks mark code.
default_role = "code"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
add_module_names = False


def write_tables(app: Any) -> None:
    """Write the pages' parts that come from the code, so that they cannot say anything else than it does."""
    from interpretune.analysis.cache.session_table import session_table_markdown

    directory = Path(app.srcdir) / "_generated"
    directory.mkdir(exist_ok=True)
    (directory / "session-table.md").write_text(session_table_markdown(), encoding="utf-8")
    (directory / "command-line.md").write_text(command_line_markdown(), encoding="utf-8")


def command_line_markdown() -> str:
    """Give the help of each command, as the command itself prints it."""
    import click

    from interpretune.analysis.cache.__main__ import main

    sections = []
    for name, command in sorted(main.commands.items()):
        context = click.Context(command, info_name=f"it-cache {name}", max_content_width=100)
        sections.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(sections)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", write_tables)
