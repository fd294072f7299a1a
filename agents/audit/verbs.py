"""What the audit log knows: the verbs of acts, and the kinds of objects they are done to."""

from enum import StrEnum


class Verb(StrEnum):
    """What was done."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    CLEAR = "clear"
    CANCEL = "cancel"
    RESUME = "resume"
    RETRY = "retry"
    FORK = "fork"
    PAUSE = "pause"
    LIFT = "lift"
    REVOKE = "revoke"
    ROTATE = "rotate"
    ERASE = "erase"
    RETAIN = "retain"
    EXPORT = "export"
    IMPORT = "import"


class ObjectKind(StrEnum):
    """What it was done to."""

    AGENT = "agent"
    TOOL = "tool"
    USER = "user"
    PROJECT = "project"
    TASK = "task"
    SESSION = "session"
    DOC = "doc"
    FILE = "file"
    EXECUTION = "execution"
    BULK = "bulk"
    RESPONSE = "response"
    PAUSE = "pause"
    FAULT = "fault"
    SECRET = "secret"
    API_KEY = "api_key"
    LIMIT = "limit"
    RATES = "rates"
    RETENTION = "retention"
    AUDIT = "audit"
    DEVELOPER = "developer"
    STAFF_USER = "staff_user"
    STAFF_GROUP = "staff_group"
