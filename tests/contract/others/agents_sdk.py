"""What a program made with OpenAI's Agents SDK does: a tool, a session that this server keeps, a streamed answer. It is
run by itself: the SDK's package has the name of one of our apps."""

import asyncio
import json
import sys

from openai import AsyncOpenAI

from agents import Agent, OpenAIConversationsSession, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sun in {city}"


async def main(base_url: str, key: str) -> None:
    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0)
    model = OpenAIResponsesModel(model="gpt-4o", openai_client=client)
    agent = Agent(name="Weather", instructions="Be brief.", model=model, tools=[weather])
    session = OpenAIConversationsSession(openai_client=client)
    first = await Runner.run(agent, "Weather in Rome?", session=session)
    streamed = Runner.run_streamed(agent, "And now?", session=session)
    told = [event.data.type async for event in streamed.stream_events() if event.type == "raw_response_event"]
    kept = await session.get_items()
    await session.clear_session()
    answers = [run.final_output.strip() for run in (first, streamed)]
    print(json.dumps({"answers": answers, "last": told[-1], "kept": len(kept)}))


asyncio.run(main(*sys.argv[1:]))
