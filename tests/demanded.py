"""Tests that need more of the machine than the Python packages that are installed."""

import os

import pytest

# Set where such tests may not be left out.
_DEMANDED = "REHEARSAL"


def leave_out(needs: str) -> None:
    """Leave the test out because of what the machine lacks, or fail where it is demanded."""
    if os.environ.get(_DEMANDED) == "required":
        pytest.fail(needs)
    # Since 2026-11-28: programs of the system, and root, are no Python packages; CI installs and demands them.
    # Since 2026-11-30: nor is a second version of a package, for which a registry has to be reached.
    pytest.skip(reason=f"{needs}; {_DEMANDED}=required makes this a failure")
