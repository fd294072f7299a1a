"""The statistics and the table of the benchmark."""

import pytest

from julep_project.bench.table import Row, markdown, median, percentile, quantity


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile(range(101), 99) == 99
    assert percentile([7], 99) == 7
    assert median([3, 1, 2]) == 2


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12 ms"), (12.34, "12.3 ms"), (123.4, "123 ms"), (12345.6, "12,346 ms")]
)
def test_quantities_keep_about_three_digits(value: float, text: str) -> None:
    assert quantity(value, "ms") == text


def test_the_table_shows_ratio_or_note() -> None:
    rows = [
        Row("a", "with a peer", 30, "ms", 60, "at most 1"),
        Row("f", "alone", 200, "MiB", note="190 MiB before"),
    ]
    assert markdown(rows).splitlines() == [
        "| Part | Measured | Here | Raw Celery | Ratio | Aim |",
        "| --- | --- | --- | --- | --- | --- |",
        "| a | with a peer | 30.0 ms | 60.0 ms | 0.50 | at most 1 |",
        "| f | alone | 200 MiB |  | 190 MiB before |  |",
    ]
