"""Public names of a package that are loaded when they are first used."""

TYPE_CHECKING = False  # as typing's, which is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def lazy_attributes(
    package: str, module_by_name: "Mapping[str, str]", submodules: "Iterable[str]"
) -> "Callable[[str], object]":
    """Return a module-level ``__getattr__`` (PEP 562) for the package.

    ``module_by_name`` says which submodule defines each public name; ``submodules`` can be read as
    attributes too. Any other name is an ``AttributeError``.
    """

    def __getattr__(name: str) -> object:  # noqa: N807  # the name that Python calls it by
        import importlib
        import sys

        if name in module_by_name:
            value = getattr(importlib.import_module(f".{module_by_name[name]}", package), name)
        elif name in submodules:
            value = importlib.import_module(f".{name}", package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__
