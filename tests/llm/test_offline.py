"""The model that needs nothing."""

import json
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.own.offline import ASPECTS, ECHO, echo
from agents.models import Agent, Developer, ModelUsage

QUERIES = "You are a research assistant.\nGenerate {n} search queries on the topic: {topic}\nWrite one query per line."


def ask(developer: Developer, *messages: Any, **options: Any) -> dict[str, Any]:
    return gateway.complete(developer, model=ECHO, messages=list(messages), **options)


@pytest.mark.parametrize(("number", "lines"), [("3", 3), ("100", len(ASPECTS)), ("0", 1), ("several", 5)])
def test_an_order_of_lines(number: str, lines: int) -> None:
    answer = echo(QUERIES.format(n=number, topic="sea turtles")).split("\n")

    assert len(answer) == lines == len(set(answer))
    assert all(line.startswith("sea turtles ") for line in answer)


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("Ideas, one per line, for this:\n\nthe garden", "the garden"),
        ("Write names of alpine flowers, each on its own line", "names alpine flowers own"),
        ("one per line", "this"),
    ],
)
def test_the_subject_of_an_order(prompt: str, subject: str) -> None:
    assert echo(prompt).split("\n")[0] == f"{subject} {ASPECTS[0]}"


def test_long_text_is_cut_down_to_its_most_typical_sentences() -> None:
    material = [f"Turtles nest on beach number {n} and turtles return." for n in range(4)]
    noise = ["Nobody mentioned wandering xylophones yesterday.", "Quartz gleams beneath forgotten lanterns tonight."]
    prompt = "Summarise these results:\n" + " ".join([noise[0], *material, noise[1]])

    answer = echo(prompt).split("\n")

    assert len(answer) == 3
    assert all(line in material for line in answer)


@pytest.mark.parametrize("prompt", ["Hello there", "  padded  ", "Two. Sentences here."])
def test_short_text_comes_back(prompt: str) -> None:
    assert echo(prompt) == prompt.strip()


def test_the_answer_is_never_empty() -> None:
    assert echo(" \n") == "(the prompt is empty)"


def test_it_answers_the_last_message_that_is_not_its_own(developer: Developer) -> None:
    messages = [
        {"role": "system", "content": "one"},
        {"role": "user", "content": [{"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "three"},
    ]

    first, second = ask(developer, *messages), ask(developer, *messages)

    assert first["choices"] == second["choices"] and first["id"] == second["id"]
    assert first["model"] == "offline/echo"
    assert first["choices"][0]["content"] == first["choices"][0]["message"]["content"] == "two"


@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
def test_json_when_json_is_asked_for(developer: Developer, kind: str) -> None:
    answer = ask(developer, {"role": "user", "content": "hi"}, settings={"response_format": {"type": kind}})

    assert json.loads(answer["choices"][0]["content"]) == {"text": "hi"}


def test_it_costs_nothing_and_is_recorded(developer: Developer, agent: Agent) -> None:
    gateway.complete(developer, agent=agent, messages=[{"role": "user", "content": "one two"}])

    row = ModelUsage.objects.get()
    assert (row.model, row.cost, row.prompt_tokens, row.completion_tokens) == ("offline/echo", 0, 2, 2)
