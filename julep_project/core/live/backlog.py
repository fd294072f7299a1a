"""What was said and is not read yet."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Backlog(Generic[Item]):
    """Items on their way from one who speaks to one who reads, both on the same event loop."""

    def __init__(self, *, most: int, largest: int) -> None:
        """`most` items, or items of the size `largest` together, fill it."""
        self._most = most
        self._largest = largest
        self._items: deque[tuple[Item, int]] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def is_full(self) -> bool:
        return len(self._items) >= self._most or self._size >= self._largest

    async def wait_for_room(self) -> None:
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    def put(self, item: Item, size: int = 0) -> None:
        """Add an item, full or not."""
        self._items.append((item, size))
        self._size += size
        self._news.set()

    async def get(self) -> Item:
        """The oldest item, once there is one. Being cancelled loses none."""
        while not self._items:
            self._news.clear()
            await self._news.wait()
        item, size = self._items.popleft()
        self._size -= size
        self._room.set()
        return item

    def clear(self) -> None:
        self._items.clear()
        self._size = 0
        self._room.set()
