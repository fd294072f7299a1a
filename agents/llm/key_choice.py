"""Which key a call is made with. The one place that decides it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """`value` None: the client library takes the server's key for the provider from the environment."""

    value: str | None = field(default=None, repr=False)

    @property
    def is_callers(self) -> bool:
        """The caller's own key pays for the call."""
        return self.value is not None


def choose_key(custom_key: str | None) -> KeyChoice:
    """The key sent with the request, else that of the server."""
    return KeyChoice(custom_key or None)
