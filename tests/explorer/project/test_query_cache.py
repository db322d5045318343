import asyncio

import pytest

from engine.service.client import EngineRefused, EngineUnreachable
from explorer.project import query_cache as cache_module
from explorer.project.query_cache import KEPT, QueryCache


class Desk:
    """QueryCache questions when told to, and counts them."""

    def __init__(self):
        self.asked, self.waiting, self.told = [], [], 0
        self.query_cache = QueryCache(self.ask, self.tell)

    async def ask(self, name, params):
        self.asked.append((name, params))
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return await future

    def tell(self):
        self.told += 1

    async def reply(self, rows):
        await settled()
        future = self.waiting.pop(0)
        if isinstance(rows, Exception):
            future.set_exception(rows)
        else:
            future.set_result(rows)
        await settled()

    def get(self, name="runs", max_age=None, **params):
        return self.query_cache.get(name, params, max_age)


async def settled():
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def desk():
    return Desk()


async def test_a_question_is_asked_once_and_its_answer_kept(desk):
    assert desk.get() is None
    assert desk.get() is None
    await desk.reply([{"a": 1}])
    assert desk.get() == [{"a": 1}]
    assert len(desk.asked) == 1
    assert desk.told == 1


async def test_other_parameters_are_another_question_whatever_their_order(desk):
    desk.get(a="1", b="2")
    desk.get(b="2", a="1")
    desk.get(a="1")
    await settled()
    assert desk.asked == [("runs", {"a": "1", "b": "2"}), ("runs", {"a": "1"})]


async def test_a_stale_answer_serves_until_the_new_one_is_there(desk):
    desk.get()
    await desk.reply([1])
    desk.query_cache.expire()
    assert desk.get() == [1]
    await desk.reply([2])
    assert desk.get() == [2]
    assert len(desk.asked) == 2


async def test_answers_that_expire_while_they_are_under_way_are_asked_for_once_more(desk):
    desk.get()
    await settled()
    desk.query_cache.expire()
    desk.get()
    assert len(desk.asked) == 1
    await desk.reply([1])
    assert desk.get() == [1]
    await desk.reply([2])
    assert desk.get() == [2]
    assert len(desk.asked) == 2


async def test_an_answer_that_says_the_same_is_no_news(desk):
    desk.get()
    await desk.reply([1])
    desk.query_cache.expire()
    desk.get()
    await desk.reply([1])
    assert desk.told == 1


@pytest.mark.parametrize("error", [EngineUnreachable("gone"), EngineRefused("no such query")])
async def test_an_error_keeps_the_old_answer_and_is_told_once(desk, error):
    desk.get()
    await desk.reply([1])
    for _ in range(3):
        desk.query_cache.expire()
        assert desk.get() == [1]
        await desk.reply(error)
    assert desk.get() == [1]
    assert desk.query_cache.trouble == str(error)
    assert desk.told == 2


async def test_after_an_error_nothing_is_asked_again_before_answers_expire(desk):
    desk.get()
    await desk.reply(EngineUnreachable("gone"))
    for _ in range(50):
        assert desk.get() is None
        await settled()
    assert len(desk.asked) == 1
    desk.query_cache.expire()
    desk.get()
    await desk.reply([1])
    assert desk.get() == [1]
    assert desk.query_cache.trouble == ""


async def test_an_error_that_expired_on_its_way_is_asked_for_again(desk):
    desk.get()
    await settled()
    desk.query_cache.expire()
    await desk.reply(EngineUnreachable("gone"))
    desk.get()
    await desk.reply([1])
    assert desk.get() == [1]


async def test_old_answers_are_asked_for_again_where_an_age_is_given(desk, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(cache_module.time, "monotonic", lambda: now[0])
    desk.get(max_age=3.0)
    await desk.reply([1])
    now[0] = 2.9
    desk.get(max_age=3.0)
    assert len(desk.asked) == 1
    now[0] = 3.1
    desk.get(max_age=3.0)
    desk.get(max_age=3.0)
    await settled()
    assert len(desk.asked) == 2


async def test_errors_of_aged_answers_wait_for_the_age_too(desk, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(cache_module.time, "monotonic", lambda: now[0])
    for round_of in range(1, 4):
        for _ in range(10):
            desk.get(max_age=3.0)
        await desk.reply(EngineUnreachable("gone"))
        assert len(desk.asked) == round_of
        now[0] += 3.1


async def test_forgotten_questions_are_cancelled_and_asked_anew(desk):
    desk.get()
    await settled()
    (first,) = desk.waiting
    desk.query_cache.forget()
    await settled()
    assert first.cancelled()
    desk.waiting.clear()
    desk.get()
    await desk.reply([2])
    assert desk.get() == [2]


async def test_an_answer_that_came_as_it_was_forgotten_does_not_count(desk):
    desk.get()
    await settled()
    desk.waiting.pop().set_result(["of the old engine"])
    desk.query_cache.forget()
    assert desk.get() is None
    await desk.reply(["of the new one"])
    assert desk.get() == ["of the new one"]


async def test_only_so_many_answers_are_kept_and_the_oldest_go_first(desk):
    for index in range(KEPT + 1):
        desk.get(index=str(index))
        await settled()
    assert len(desk.asked) == KEPT + 1
    desk.get(index=str(KEPT))
    desk.get(index="1")
    await settled()
    assert len(desk.asked) == KEPT + 1
    desk.get(index="0")
    await settled()
    assert len(desk.asked) == KEPT + 2
    desk.query_cache.forget()


async def test_held_answers_never_grow_stale_but_new_questions_are_asked(desk):
    desk.get()
    await desk.reply([1])
    told = []
    still = desk.query_cache.held(lambda: told.append(1))
    desk.query_cache.expire()
    desk.get()
    await desk.reply([2])
    assert still.get("runs", {}, max_age=0.0) == [1]
    assert len(desk.asked) == 2
    assert still.get("history", {}) is None
    await desk.reply([3])
    assert still.get("history", {}) == [3]
    assert told == [1]
