"""What the client library looks for secrets in is short."""

from litellm.litellm_core_utils import secret_redaction

from agents.llm.providers.long_messages import LONGEST, shorten


def test_it_looks_at_the_beginning_only() -> None:
    shorten(secret_redaction)
    shorten(secret_redaction)

    shown = secret_redaction.redact_string("api_key=sk-1234567890abcdefghijkl " + "-eyJ" * 1_000_000)
    assert "sk-1234567890" not in shown
    assert len(shown) <= LONGEST
