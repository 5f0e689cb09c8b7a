"""A fault of each name."""

from __future__ import annotations

from imagebuilder_pager.local import FAULTS, Fault

#: Every fault, with its required options.
EVERY_FAULT = {
    name: Fault(name, code="AccessDeniedException") if name == "error" else Fault(name)
    for name in FAULTS
}
