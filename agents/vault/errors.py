"""What can go wrong with secrets, beside what can with any row.

DomainError
  SecretsNotConfigured   503, for good
  SecretNotReadable      503, for good
"""

from julep_project.core.errors import DomainError


class SecretsNotConfigured(DomainError):
    """This server has no usable master key for secrets: set SECRETS_MASTER_KEY and restart it"""

    status = 503
    code = "secrets_not_configured"


class SecretNotReadable(DomainError):
    """A stored secret cannot be opened."""

    status = 503
    code = "secret_not_readable"
