"""How generated examples are tried: the same ones each time, as long as they take."""

from hypothesis import HealthCheck, Phase, settings


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
