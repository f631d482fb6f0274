"""Silences what a library logs, without touching what others log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEVER = logging.CRITICAL + 1


@contextmanager
def silence_logs(*packages: str) -> Iterator[None]:
    """Silence what these packages log while the block runs, by loggers or by the root's."""
    loggers = [logging.getLogger(package) for package in packages]
    levels = [logger.level for logger in loggers]

    def is_others(record: logging.LogRecord) -> bool:
        return not set(packages) & set(Path(record.pathname).parts)

    root = logging.getLogger()
    for logger in loggers:
        logger.setLevel(NEVER)
    root.addFilter(is_others)
    try:
        yield
    finally:
        root.removeFilter(is_others)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
