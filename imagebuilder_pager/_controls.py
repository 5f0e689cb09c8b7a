"""Characters that no text from outside may bring to a terminal or into an error."""

from __future__ import annotations

import re

#: What could steer a terminal, turn the reading direction or not be encoded; the tab and the line
#: break are not among them.
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
