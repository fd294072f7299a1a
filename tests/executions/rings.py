"""A dispatcher that keeps what is rung instead of sending it."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass
class Rings:
    """`sent` holds kind and branch of each ring, `delays` the seconds each was to wait, `surplus` the branches of those
    that are; `waiting` is every backlog."""

    waiting: int = 0
    sent: list[tuple[str, UUID]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    surplus: list[UUID] = field(default_factory=list)

    def backlog(self, queue: str) -> int:
        return self.waiting

    def advance(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        self._keep("advance", branch_id, delay_s, is_surplus)

    def effect(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        self._keep("effect", branch_id, delay_s, is_surplus)

    def lanes(self, parent_id: UUID, count: int) -> None:
        for _ in range(count):
            self.lane(parent_id)

    def lane(self, parent_id: UUID, *, is_surplus: bool = False) -> None:
        self._keep("lane", parent_id, 0, is_surplus)

    def _keep(self, kind: str, branch_id: UUID, delay_s: float, is_surplus: bool) -> None:
        self.sent.append((kind, branch_id))
        self.delays.append(delay_s)
        if is_surplus:
            self.surplus.append(branch_id)
