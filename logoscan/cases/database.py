"""DuckDB, as the cases use it: in memory, on one machine, without extensions from elsewhere."""

from __future__ import annotations

from typing import Any

from logoscan._extras import import_extra

__all__ = ["connect"]


def connect(threads: int | None = None, memory: str | None = None) -> Any:
    """Return a connection to a DuckDB database in memory.

    Args:
        threads: Most threads; None leaves it to DuckDB.
        memory: Most memory, such as "8GB", beyond which it uses the disk; None leaves it to DuckDB.

    Raises:
        MissingDependencyError: DuckDB is not installed.
    """
    duckdb = import_extra("duckdb", "cases")
    config: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    if threads is not None:
        config["threads"] = threads
    if memory is not None:
        config["memory_limit"] = memory
    return duckdb.connect(config=config)
