"""Import of packages that only some users need: those of an extra (`pip install 'logoscan[EXTRA]'`)."""

from __future__ import annotations

import importlib
from typing import Any

from logoscan.errors import MissingDependencyError

__all__ = ["import_extra"]


def import_extra(module: str, extra: str) -> Any:
    """Return a module of an optional package.

    Args:
        module: Full name of the module, such as `pyarrow.parquet`.
        extra: The extra of logoscan that installs it.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise MissingDependencyError(f"{package} is missing; pip install 'logoscan[{extra}]'") from None
