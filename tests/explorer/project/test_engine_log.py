import time
from collections import deque

from explorer.project.engine_log import LogLine, parsed, recall, recent

TEXT = """\
    return self._step(batch)
2026-11-23 19:21:04,559 INFO engine.control.service: digits-pgd-c2-e0.2-s1-97bb0b82cb ended: done
2026-11-23 19:21:09,541 WARNING engine.control.service: digits-pgd-c4-e0.2-s1-8dd3503aa3: killed; now queued
2026-11-23 19:21:09,584 ERROR engine.control.writer: an unexpected error
Traceback (most recent call last):
OSError: disk full
2026-11-23 19:21:10,000 INFO engine.control.service: stopped
"""


def at(written):
    return time.mktime(time.strptime(written, "%Y-%m-%d %H:%M:%S"))


def test_lines_are_told_with_time_level_and_run():
    done, killed, error, *trace, stopped = parsed(TEXT.splitlines())
    moment = at("2026-11-23 19:21:04") + 0.559
    assert done == LogLine(moment, "info", "ended: done", "digits-pgd-c2-e0.2-s1-97bb0b82cb")
    assert (killed.level, killed.message) == ("warn", "killed; now queued")
    assert killed.run_id == "digits-pgd-c4-e0.2-s1-8dd3503aa3"
    assert [line.message for line in trace] == ["Traceback (most recent call last):", "OSError: disk full"]
    assert {(line.level, line.time) for line in trace} == {("error", error.time)}
    assert (stopped.message, stopped.run_id) == ("stopped", None)


def test_only_the_last_lines_before_a_time_are_taken(tmp_path):
    path = tmp_path / "engine.log"
    record = "2026-11-23 19:00:{:02d},000 INFO engine.service.engine: line {}\n"
    path.write_text("x" * 10**6 + "\n" + "".join(record.format(number, number) for number in range(60)))
    found = recent(path, at("2026-11-23 19:00:55"), count=10)
    assert [line.message for line in found] == [f"line {number}" for number in range(45, 55)]


def test_an_engine_that_never_wrote_has_no_lines(tmp_path):
    assert recent(tmp_path / "engine.log", time.time()) == []


async def test_earlier_lines_come_before_those_told_meanwhile(tmp_path):
    path = tmp_path / "engine.log"
    path.write_text(TEXT)
    told, changes = deque([LogLine(at("2026-11-24 00:00:00"), "info", "told")], maxlen=2000), []
    await recall(told, path, lambda: changes.append(1))
    assert [line.message for line in told][-2:] == ["stopped", "told"]
    assert changes == [1]
