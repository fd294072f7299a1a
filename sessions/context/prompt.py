"""The whole prompt of one agent in a chat."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from agents.llm.choice import resolve_listed_model
from agents.llm.request import merged_settings
from agents.policy.policy import DEFAULT_POLICY, Policy
from agents.tools.presets import NO_PRESETS, Presets, present_with
from julep_project.core.json_value import Json
from julep_project.core.process.threads import run_in
from sessions.context.budget import token_budget
from sessions.context.chat_request import ChatRequest
from sessions.context.composition import Amount, Composition, Reason, Section, tokens_of_docs
from sessions.context.conversation import AgentView, Conversation
from sessions.context.history import CountedMessage, count_new, count_stored, for_agent, with_calls
from sessions.context.recalled import recall_docs
from sessions.context.render import Renderer
from sessions.context.system import system_template, template_scope
from sessions.context.window import fit

Message = Mapping[str, Json]

# Threads of their own: one may wait for the process that renders its templates, and then only other prompts are late.
# A chat waits for one prompt at a time, which holds no more than the chat does anyway.
_ASSEMBLERS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="prompt")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked with.

    `tools` are whole bodies, for running them with `presets`; `offered` are those the model is shown. `settings` are
    merged, the request's over the agent's. `new_messages` is the input as it is to be stored. Those at the positions
    `stay` of `messages` are never left out to make room. `budget` None: the model's window is not known, and the
    session sets no limit. `composition` tells what `messages` are made of.
    """

    model: str
    agent_id: UUID
    user_id: UUID | None
    messages: list[dict[str, Json]] = field(default_factory=list)
    stay: frozenset[int] = frozenset()
    new_messages: list[dict[str, Json]] = field(default_factory=list)
    tools: list[dict[str, Json]] = field(default_factory=list)
    tool_choice: Json = None
    docs: list[dict[str, Json]] = field(default_factory=list)
    settings: dict[str, Json] = field(default_factory=dict)
    presets: Presets = NO_PRESETS
    policy: Policy = DEFAULT_POLICY
    token_count: int = 0
    budget: int | None = None
    composition: Composition = Composition(None, None)

    @property
    def offered(self) -> list[dict[str, Json]]:
        """The tools without the arguments that are preset."""
        return present_with(self.presets, self.tools)


async def build_prompt(
    conversation: Conversation,
    request: ChatRequest,
    agent: AgentView,
    *,
    said: Sequence[Message] = (),
    docs: list[dict[str, Json]] | None = None,
) -> Prompt:
    """The prompt for an agent of the conversation; nothing is stored.

    `said` are replies of other agents to the same request. `docs` are recalled unless they are given.

    Raises:
        BadRequest: the model is not one this server offers, or a message is the result of a call nobody made.
        TemplateFailed: the system template or a new message cannot be rendered.
        PromptTooBig
        DomainError: docs could not be recalled.
    """
    model = resolve_listed_model(request.model, agent.row)
    if docs is None:
        docs = (await recall_docs(conversation, request, [agent]))[agent.id]
    # Rendering and counting may take long enough to hold up other streams.
    assemble = partial(_assemble, conversation, request, agent, model=model, docs=docs, said=said)
    return await run_in(_ASSEMBLERS, assemble)


def available_tools(agent: AgentView, added: Iterable[Mapping[str, Json]] = ()) -> list[dict[str, Json]]:
    """The agent's tools, and of those a request adds the ones whose names are not taken."""
    tools: dict[str, dict[str, Json]] = {}
    for tool in (*agent.tools, *added):
        tools.setdefault(tool["name"], dict(tool))
    return list(tools.values())


def _assemble(
    conversation: Conversation,
    request: ChatRequest,
    agent: AgentView,
    *,
    model: str,
    docs: list[dict[str, Json]],
    said: Sequence[Message],
) -> Prompt:
    session = conversation.session
    prompt = Prompt(
        model=model,
        agent_id=agent.row.pk,
        user_id=conversation.user_id,
        tools=available_tools(agent, request.tools),
        tool_choice=request.tool_choice,
        docs=docs,
        settings=merged_settings(agent.row, request.settings),
        presets=conversation.presets(agent),
        policy=agent.policy,
        budget=token_budget(session, model),
    )
    scope = template_scope(
        conversation,
        agent,
        settings={"model": model, **prompt.settings},
        tools=prompt.tools,
        docs=docs,
        metadata=request.metadata,
    )
    renderer = Renderer(scope)
    system = renderer.text(*system_template(conversation, agent)).strip()
    new = _new_messages(request, renderer if session.render_templates else None)
    counted = _messages(conversation, request, agent, model=model, system=system, new=new, said=said)
    fitting, count = fit(
        [item.message for item in counted],
        model=model,
        budget=prompt.budget,
        overflow=session.context_overflow,
        tools=prompt.offered,
        sizes=[item.tokens for item in counted],
        stay=_staying(counted),
    )
    composition = _composition(conversation, prompt, counted, len(new) + len(said)).cut(set(fitting)).with_tools(count)
    counted = [counted[index] for index in fitting]
    return replace(
        prompt,
        messages=[dict(item.message) for item in counted],
        stay=_staying(counted),
        new_messages=new,
        token_count=count,
        composition=composition,
    )


def _composition(
    conversation: Conversation, prompt: Prompt, counted: Sequence[CountedMessage], added: int
) -> Composition:
    """What the messages are made of, of which `added` were not stored yet, before any is left out for want of room."""
    system = next((item for item in counted if item.section is Section.SYSTEM), None)
    text = "" if system is None else str(system.message["content"])
    dropped = len(conversation.entries) + added + (system is not None) - len(counted)
    left_out = {
        Reason.UNREAD: Amount(None, conversation.unread_tokens),
        Reason.CALLS: Amount(dropped, None),
    }
    return Composition(
        budget=prompt.budget,
        overflow=conversation.session.context_overflow,
        parts=[(item.section, item.tokens) for item in counted],
        docs=[str(doc["id"]) for doc in prompt.docs],
        docs_tokens=0 if system is None else tokens_of_docs(text, system.tokens, prompt.docs),
        left_out={reason: amount for reason, amount in left_out.items() if amount.messages or amount.tokens},
    )


def _new_messages(request: ChatRequest, renderer: Renderer | None) -> list[dict[str, Json]]:
    if renderer is None:
        return [dict(message) for message in request.messages]
    return [renderer.message(message, f"messages[{index}]") for index, message in enumerate(request.messages)]


def _messages(
    conversation: Conversation,
    request: ChatRequest,
    agent: AgentView,
    *,
    model: str,
    system: str,
    new: Sequence[Message],
    said: Sequence[Message],
) -> list[CountedMessage]:
    """The system message, if there is any, the history and the new messages, as they are sent to the agent.

    The last message of the request and what was said to it stay, whatever the room.
    """
    first = [{"role": "system", "content": system}] if system else []
    last = len(new) - 1
    added = [replace(item, stays=index >= last) for index, item in enumerate(count_new([*new, *said], model))]
    stored = count_stored(conversation.entries, model)
    counted = [*count_new(first, model, Section.SYSTEM), *with_calls(stored, added, with_earlier=request.recall_tools)]
    name = agent.row.name if len(conversation.agents) > 1 else None
    return [replace(item, message=for_agent(name, item.message)) for item in counted]


def _staying(counted: Sequence[CountedMessage]) -> frozenset[int]:
    return frozenset(index for index, item in enumerate(counted) if item.stays)
