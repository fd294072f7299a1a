"""The file whose age tells that a worker or beat works."""

import os
from pathlib import Path
from typing import Any

import pytest
from celery.signals import after_task_publish, beat_init, heartbeat_sent

from julep_project.core.health.alive import touch_alive_file


def test_the_file_gets_young_again(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "alive"
    settings.ALIVE_FILE = str(file)
    heartbeat_sent.send(sender=None)
    os.utime(file, (0, 0))

    heartbeat_sent.send(sender=None)

    assert file.stat().st_mtime > 0


def test_beat_touches_it_with_every_message_and_nobody_else_does(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "alive"
    settings.ALIVE_FILE = str(file)
    after_task_publish.send(sender=None)
    assert not file.exists()

    beat_init.send(sender=None)
    after_task_publish.send(sender=None)
    after_task_publish.disconnect(touch_alive_file)

    assert file.exists()


def test_without_a_name_nothing_is_written(settings: Any) -> None:
    settings.ALIVE_FILE = ""
    touch_alive_file()


def test_a_file_that_cannot_be_written_ends_nothing(
    tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALIVE_FILE = str(tmp_path / "missing" / "alive")
    touch_alive_file()
    assert "alive file not touched" in caplog.text
