"""The shapes of the service's responses as Pydantic models, and its errors.

A family's module is loaded when a name of it is first used.
"""

from typing import TYPE_CHECKING

#: In the order in which a name is looked for.
_FAMILIES = (
    *("lifecycle", "common", "shapes", "images", "lifecycle_executions", "lifecycle_policies"),
    *("pipelines", "components", "recipes", "configurations", "workflows", "scan_findings"),
)

if TYPE_CHECKING:
    from . import exceptions as exceptions
    from . import fields as fields
    from . import shapes as shapes
    from .common import *
    from .components import *
    from .configurations import *
    from .images import *
    from .lifecycle import *
    from .lifecycle_executions import *
    from .lifecycle_policies import *
    from .pipelines import *
    from .recipes import *
    from .scan_findings import *
    from .shapes import *
    from .workflows import *
else:
    # Type checkers must not see it: with it, an unknown name would be Any.
    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in {*_FAMILIES, "exceptions", "fields"}:
            return import_module(f".{name}", __package__)
        if name == "__all__":
            modules = [import_module(f".{family}", __package__) for family in _FAMILIES]
            names = {public for module in modules for public in module.__all__}
            return sorted(names, key=lambda name: (not name[0].isupper(), name))
        if not name.startswith("_"):
            for family in _FAMILIES:
                module = import_module(f".{family}", __package__)
                if name in module.__all__:
                    return getattr(module, name)
        raise AttributeError(f"module {__package__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
