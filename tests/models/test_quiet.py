import logging
from pathlib import Path

import pytest

from vidcurate.models.quiet import silence_logs

LOUD = """
import logging
def speak():
    logging.warning("by the root")
    logging.getLogger("loud.part").error("by its own")
"""


def test_only_what_a_package_logs_is_hushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What others log meanwhile is heard, and afterwards all is."""
    (tmp_path / "loud").mkdir()
    (tmp_path / "loud" / "__init__.py").write_text(LOUD, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import loud  # type: ignore[import-not-found] # noqa: PLC0415 - written above

    with silence_logs("loud"):
        loud.speak()
        logging.getLogger().warning("another")
        logging.getLogger("other").warning("one more")
    assert caplog.messages == ["another", "one more"]
    loud.speak()
    assert caplog.messages[2:] == ["by the root", "by its own"]
