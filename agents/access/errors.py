"""Why a developer is refused. A key or token that will not do is `NotAuthenticated`, whatever is wrong with it.

DomainError
  InvalidDeveloperId   400
  InvalidUserAccount   403
"""

from julep_project.core.errors import BadRequest, Forbidden


class InvalidDeveloperId(BadRequest):
    """Invalid developer ID"""

    code = "invalid_developer_id"


class InvalidUserAccount(Forbidden):
    """Invalid user account"""

    code = "invalid_user_account"
