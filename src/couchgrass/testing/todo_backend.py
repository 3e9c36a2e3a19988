"""The contract of a Todo-Backend as code: the sixteen rules of todobackend.com, asked over HTTP.

Each rule is a coroutine that raises AssertionError. They change what is there: they delete all todos.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp


class Api:
    """A Todo-Backend at `root`."""

    def __init__(self, root: str, session: aiohttp.ClientSession) -> None:
        self.root = root
        self._session = session

    async def ask(self, method: str, url: str, body: Any = None) -> Any:
        """The JSON of an answer that must be a success; None without a body."""
        headers = {"Accept": "application/json", "Origin": "https://todobackend.example"}
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {url} -> {answer.status} {text}"
            assert answer.headers.get("access-control-allow-origin"), "a page elsewhere may not read it"
            return await answer.json(content_type=None) if text else None

    async def all(self) -> Any:
        return await self.ask("GET", self.root)

    async def post(self, **todo: Any) -> Any:
        return await self.ask("POST", self.root, {"title": "blah", **todo})

    async def clear(self) -> None:
        await self.ask("DELETE", self.root)


async def the_root_answers_a_get(api: Api) -> None:
    await api.all()


async def the_root_answers_a_post_with_the_todo(api: Api) -> None:
    assert (await api.post(title="a todo"))["title"] == "a todo"


async def the_root_takes_a_delete(api: Api) -> None:
    await api.clear()


async def after_a_delete_there_is_nothing(api: Api) -> None:
    await api.post()
    await api.clear()
    assert await api.all() == []


async def a_posted_todo_is_in_the_list(api: Api) -> None:
    await api.clear()
    await api.post(title="walk the dog")
    assert [todo["title"] for todo in await api.all()] == ["walk the dog"]


async def a_new_todo_is_not_completed(api: Api) -> None:
    await api.clear()
    assert (await api.post())["completed"] is False
    assert [todo["completed"] for todo in await api.all()] == [False]


async def a_new_todo_has_a_url(api: Api) -> None:
    await api.clear()
    assert isinstance((await api.post())["url"], str)
    assert all(isinstance(todo["url"], str) for todo in await api.all())


async def its_url_leads_to_it(api: Api) -> None:
    todo = await api.post(title="my todo")
    assert (await api.ask("GET", todo["url"]))["title"] == "my todo"


async def the_list_leads_to_each_todo(api: Api) -> None:
    await api.clear()
    await api.post(title="the first")
    await api.post(title="the second")
    listed = await api.all()
    assert len(listed) == 2
    for todo in listed:
        assert (await api.ask("GET", todo["url"]))["title"] == todo["title"]


async def a_title_is_patched(api: Api) -> None:
    todo = await api.post(title="initial title")
    assert (await api.ask("PATCH", todo["url"], {"title": "bathe the cat"}))["title"] == "bathe the cat"


async def completedness_is_patched(api: Api) -> None:
    todo = await api.post()
    assert (await api.ask("PATCH", todo["url"], {"completed": True}))["completed"] is True


async def a_patch_lasts(api: Api) -> None:
    await api.clear()
    todo = await api.post()
    patched = await api.ask("PATCH", todo["url"], {"title": "changed title", "completed": True})
    for found in (await api.ask("GET", patched["url"]), *await api.all()):
        assert (found["title"], found["completed"]) == ("changed title", True)


async def a_todo_is_deleted_by_its_url(api: Api) -> None:
    await api.clear()
    await api.ask("DELETE", (await api.post())["url"])
    assert await api.all() == []


async def an_order_can_be_given(api: Api) -> None:
    assert (await api.post(order=523))["order"] == 523


async def an_order_is_patched(api: Api) -> None:
    todo = await api.post(order=10)
    assert (await api.ask("PATCH", todo["url"], {"order": 95}))["order"] == 95


async def a_patched_order_lasts(api: Api) -> None:
    todo = await api.post(order=10)
    await api.ask("PATCH", todo["url"], {"order": 95})
    assert (await api.ask("GET", todo["url"]))["order"] == 95


RULES: Final[tuple[Callable[[Api], Awaitable[None]], ...]] = (
    the_root_answers_a_get,
    the_root_answers_a_post_with_the_todo,
    the_root_takes_a_delete,
    after_a_delete_there_is_nothing,
    a_posted_todo_is_in_the_list,
    a_new_todo_is_not_completed,
    a_new_todo_has_a_url,
    its_url_leads_to_it,
    the_list_leads_to_each_todo,
    a_title_is_patched,
    completedness_is_patched,
    a_patch_lasts,
    a_todo_is_deleted_by_its_url,
    an_order_can_be_given,
    an_order_is_patched,
    a_patched_order_lasts,
)
"""All sixteen, in the order in which the site lists them."""
