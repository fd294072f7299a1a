"""A session with everything a chat needs of it."""

from collections import defaultdict
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import QuerySet

from agents.llm.choice import resolve_listed_model
from agents.models import Agent, Developer, Tool, User
from agents.policy.policy import Policy
from agents.spending.free_tier import check_sessions
from agents.tool_definitions import tool_to_wire
from agents.tools.decisions import NOBODY
from agents.tools.presets import Presets
from agents.tools.registry import completed_tools
from agents.tools.runners import current_depth
from docs_store.owners import Owner
from julep_project.core.actor import current_actor
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.tenancy import get_or_not_found
from sessions.context.budget import FREELY_READ, LONGEST_HISTORY, readable_tokens, token_budget
from sessions.context.chat_request import ChatRequest
from sessions.errors import PromptOverBudget
from sessions.history.entries import active_entries, history_tokens, newest_entries, without_tools
from sessions.models import ContextOverflow, Entry, Session


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent of a session with its tools as the API shows them."""

    row: Agent
    tools: tuple[dict[str, Json], ...] = ()

    @property
    def id(self) -> UUID:
        return self.row.pk

    @property
    def policy(self) -> Policy:
        """What may not decide about its dangerous calls."""
        return Policy.of(self.row.policy)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was read; using it needs no database. Agents, users and entries stand in their order.

    Of a long history, only entries are there that a prompt may have room for; the others have `unread_tokens`.
    """

    developer: Developer
    session: Session
    agents: tuple[AgentView, ...]
    users: tuple[User, ...]
    entries: tuple[Entry, ...]
    unread_tokens: int = 0

    def speakers(self, agent_id: UUID | None) -> tuple[AgentView, ...]:
        """Who answers: the agent that was asked for, else all.

        Raises:
            BadRequest: it is not one of the session, or the session has no agent any more.
        """
        if not self.agents:
            raise BadRequest("The session has no agent any more: they have been deleted")
        if agent_id is None:
            return self.agents
        found = tuple(agent for agent in self.agents if agent.id == agent_id)
        if not found:
            raise BadRequest(f"Agent {agent_id} does not take part in this session")
        return found

    @property
    def user_id(self) -> UUID | None:
        """In whose name calls are made: of the one user, if there is one. What a tool or a schedule says acts in the
        name of nobody: a model may have chosen the session."""
        is_said_by_nobody = current_depth() or current_actor().kind in NOBODY
        return None if is_said_by_nobody or len(self.users) != 1 else self.users[0].pk

    def presets(self, agent: AgentView) -> Presets:
        """Arguments of tools that metadata presets: the session's wins over the users', those over the agent's."""
        users = (user.metadata for user in self.users)
        return Presets.from_metadata(self.session.metadata, *users, agent.row.metadata)

    def owners(self, agent: AgentView) -> list[Owner]:
        """Whose docs the agent remembers: all users', and its own."""
        return [*(Owner("user", user.pk) for user in self.users), Owner("agent", agent.id)]


def load_conversation(developer: Developer, session_id: UUID, request: ChatRequest) -> Conversation:
    """Read a session for prompts that answer the request.

    Raises:
        NotFound: there is none, or it is another developer's.
        BadRequest: nobody in it can answer.
        Forbidden: the developer has more sessions than the free tier allows.
        PromptOverBudget: the history is far too long, and nothing of it may be left out.
    """
    session = get_or_not_found(Session.objects.for_developer(developer), session_id, "Session")
    check_sessions(developer, Session.objects.for_developer(developer))
    conversation = Conversation(
        developer=developer,
        session=session,
        agents=_with_tools(developer, session_agents(session)),
        users=tuple(session_users(session)),
        entries=(),
    )
    found, tokens = _history(conversation, request)
    entries = tuple(found)
    unread = max(tokens - sum(entry.token_count for entry in entries), 0)
    return replace(conversation, entries=entries, unread_tokens=unread)


def _history(conversation: Conversation, request: ChatRequest) -> "tuple[QuerySet[Entry], int]":
    """What was said, as far as prompts may have room for it; and the tokens of all that was said."""
    session = conversation.session
    entries = active_entries(session.pk)
    tokens = history_tokens(entries)
    if tokens <= FREELY_READ:
        return entries, tokens
    if not request.recall_tools:
        results = (message for message in request.messages if message["role"] == "tool")
        entries = without_tools(entries, [result["tool_call_id"] for result in results])
    models = [resolve_listed_model(request.model, agent.row) for agent in conversation.speakers(request.agent)]
    tokens, most = history_tokens(entries), readable_tokens(session, models)
    if tokens > most and session.context_overflow != ContextOverflow.TRUNCATE:
        budget = min(token_budget(session, models[0]) or LONGEST_HISTORY, most)
        text = f"The history has {tokens} tokens, which is more than the {budget} a prompt may have"
        raise PromptOverBudget(text, model=models[0], tokens=tokens, budget=budget)
    return (newest_entries(entries, most) if tokens > most else entries), tokens


def session_agents(session: Session) -> list[Agent]:
    """The agents of a session with their projects, in order."""
    return [link.agent for link in session.agent_links.select_related("agent__project").order_by("position")]


def session_users(session: Session) -> list[User]:
    """The users of a session with their projects, in order."""
    return [link.user for link in session.user_links.select_related("user__project").order_by("position")]


def _with_tools(developer: Developer, agents: list[Agent]) -> tuple[AgentView, ...]:
    """The agents with their tools, oldest first."""
    tools: dict[UUID | None, list[dict[str, Json]]] = defaultdict(list)
    for tool in Tool.objects.for_developer(developer).filter(agent__in=agents).order_by("created_at", "id"):
        tools[tool.agent_id].append(tool_to_wire(tool))
    found = {agent.pk: completed_tools(developer.pk, agent.pk, tools[agent.pk], in_chat=True) for agent in agents}
    return tuple(AgentView(agent, tuple(found[agent.pk])) for agent in agents)
