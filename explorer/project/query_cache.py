"""Answers of the store kept for drawing: at hand at once, asked for again when they grow stale, forgotten when old."""

import asyncio
import json
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from engine.service.client import EngineRefused, EngineUnreachable

Ask = Callable[[str, dict[str, Any]], Awaitable[list[Any]]]

KEPT = 48


@dataclass
class CachedAnswer:
    """What is known of one question."""

    rows: list[Any] | None = None
    error: str = ""
    generation: int = -1
    asked_at: float = 0.0
    task: asyncio.Task | None = field(default=None, repr=False)


class QueryCache:
    """Questions with their latest answers."""

    def __init__(self, ask: Ask, on_answer: Callable[[], None]):
        self._ask, self._on_answer = ask, on_answer
        self._known: OrderedDict[str, CachedAnswer] = OrderedDict()
        self._generation = 0
        self.trouble = ""
        """Why the latest question had no answer; empty if it had one. It is asked again once answers expire."""

    def get(self, name: str, params: dict[str, Any], max_age: float | None = None) -> list[Any] | None:
        """The latest rows, None before the first answer; asks again in the background where they are stale."""
        key = json.dumps([name, params], sort_keys=True)
        answer = self._known.setdefault(key, CachedAnswer())
        self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._drop(self._known.popitem(last=False)[1])
        old = max_age is not None and time.monotonic() - answer.asked_at > max_age
        if answer.task is None and (answer.generation != self._generation or old):
            answer.asked_at = time.monotonic()
            answer.task = asyncio.get_running_loop().create_task(self._fetch(answer, name, params))
        return answer.rows

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return any(answer.task is not None for answer in self._known.values())

    def expire(self) -> None:
        """Everything may have changed: answers still serve, and are asked for again when they are next wanted."""
        self._generation += 1

    def forget(self) -> None:
        """Questions under way are given up: their answerer is gone; answers still serve until there are new ones."""
        self.expire()
        for answer in self._known.values():
            self._drop(answer)

    def held(self, on_answer: Callable[[], None]) -> "QueryCache":
        """The same answers, which no longer grow stale; what is not among them is asked for."""
        still = QueryCache(self._ask, on_answer)
        for key, answer in self._known.items():
            if answer.rows is not None:
                still._known[key] = replace(answer, generation=still._generation, asked_at=math.inf, task=None)
        return still

    @staticmethod
    def _drop(answer: CachedAnswer) -> None:
        if answer.task is not None:
            answer.task.cancel()
            answer.task = None

    async def _fetch(self, answer: CachedAnswer, name: str, params: dict[str, Any]) -> None:
        generation = self._generation
        try:
            rows = await self._ask(name, params)
            changed, answer.rows, answer.error = rows != answer.rows or bool(answer.error), rows, ""
        except (EngineUnreachable, EngineRefused) as error:
            changed, answer.error = str(error) != answer.error, str(error)
        self.trouble = answer.error
        answer.generation, answer.task = generation, None
        if changed or answer.generation != self._generation:
            self._on_answer()
