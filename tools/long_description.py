"""The README for a package index: a build hook of hatchling's.

The README links to files of the repository, which an index does not have. If the project's URLs
have a ``Source``, the links become absolute; otherwise each becomes the path of its file in the
source distribution. A link inside of the README becomes its text, since an index's page has no
anchors. Pictures that are files are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_CODE_BLOCK = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"<picture>.*?</picture>\n*", re.DOTALL)
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?!\w+:)(?P<path>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")


class LongDescription(MetadataHookInterface):
    """The hook that sets the project's ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the text of the README, with links that work on an index."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": _rewrite(text, source),
        }


def _rewrite(text: str, source: str | None) -> str:
    def replace(link: re.Match[str]) -> str:
        path, anchor = link["path"], link["anchor"] or ""
        if not path:
            return link["text"]
        if source is not None:
            return f"[{link['text']}]({source.rstrip('/')}/blob/HEAD/{path}{anchor})"
        return f"`{path}`" if link["text"] == path else f"{link['text']} (`{path}`)"

    parts = _CODE_BLOCK.split(text)
    # Every other part is a code block.
    parts[::2] = [_LINK.sub(replace, _PICTURE.sub("", part)) for part in parts[::2]]
    return "".join(parts)
