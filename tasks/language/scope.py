"""The one table of names an expression may read. The static check and the engine's scope both follow it."""

RUNTIME_NAMES: dict[str, str] = {
    "_": "input of the current step",
    "inputs": "inputs of the steps by index or label; any other key reads the workflow's own input",
    "outputs": "outputs of the finished steps by index or label",
    "steps": "finished steps and the running one, each with `input` and `output`",
    "state": "what `set` steps stored",
    "arguments": "the execution's input",
    "execution": "the running execution",
    "task": "the task",
    "agent": "the agent",
    "agent_tools": "the agent's tools: `name`, `type`, `description` and `parameters` of each",
    "user": "always null in a task",
    "session": "always null in a task",
    "metadata": "metadata of agent, task and execution merged, the last wins",
}

# Readable in certain places only.
SECRETS = "secrets"
PLACE_NAMES: dict[str, str] = {
    "error": "in `catch`: `message`, `type` and `step` of the failure",
    "results": "in `reduce`: what was collected so far",
    "answers": "in `on_timeout` and `timed_out`: what was answered to a `quorum` in time",
    SECRETS: "in the bodies of tools and the `arguments` of steps that call one: the developer's secrets",
}

# Names whose mention marks a text as meant to be an expression.
KNOWN_NAMES = frozenset(RUNTIME_NAMES) | {SECRETS}
