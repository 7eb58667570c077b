"""Log records without contacts: rows that cannot be read are quoted in logs, and sellers write into any column."""

from __future__ import annotations

import logging

from logoscan.text.contacts import redact

__all__ = ["redact_logs"]

# Loggers of this package that quote what a listing states. Others name ids, files and settings, which are the caller's.
_LOGGERS = (
    "logoscan.distributed.merge",
    "logoscan.distributed.workers",
    "logoscan.io.bad_rows",
    "logoscan.io.csv_rows",
    "logoscan.io.tables",
    "logoscan.matching.alteration",
    "logoscan.review.index_changes",
    "logoscan.review.journal",
    "logoscan.scan.decision_log",
    "logoscan.scan.scanner",
    "logoscan.vision.extractor",
)


class _ContactFilter(logging.Filter):
    """Replaces contacts in the messages of records, and in the errors that they show."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without contacts."""
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


def redact_logs() -> None:
    """Let the package's own loggers that quote listings write no contacts; other loggers are not touched."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _ContactFilter) for one in logger.filters):
            logger.addFilter(_ContactFilter())
