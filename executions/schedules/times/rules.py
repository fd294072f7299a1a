"""Times that are no cron text: every so many seconds, and lists."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Every:
    """Every so many seconds, counted from an anchor on, which is one of them. Changes of clocks mean nothing to it."""

    seconds: int
    anchor: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times behind a moment; they never end."""
        step = timedelta(seconds=self.seconds)
        past = (moment - self.anchor) // step + 1 if moment >= self.anchor else 0
        try:
            found = self.anchor + past * step
            while True:
                yield found
                found += step
        except OverflowError:
            return


@dataclass(frozen=True)
class Listed:
    """Each of these moments once."""

    moments: tuple[datetime, ...]

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Those behind a moment."""
        return (each for each in self.moments if each > moment)
