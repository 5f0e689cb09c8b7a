"""``--output html``: the summary as one page, which rich makes; it has no script."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

_WIDTH = 140  # columns
#: For rich: the page allows itself no request and no script.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Lifecycle report</title>
<style>
{stylesheet}
body {{ color: {foreground}; background-color: {background}; }}
</style>
</head>
<body><pre><code>{code}</code></pre></body>
</html>
"""


class PageWriter:
    """A writer of a page, with the methods of a ``RichWriter``; rich escapes all text."""

    width = _WIDTH

    def __init__(self) -> None:
        self._console = Console(
            file=io.StringIO(),
            record=True,
            width=_WIDTH,
            force_terminal=True,
            color_system="standard",
            no_color=False,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def show(self, *parts: RenderableType) -> None:
        """Show each part below the one before."""
        for part in parts:
            self._console.print(part)

    def page(self) -> str:
        """Return the page."""
        return self._console.export_html(code_format=_PAGE)
