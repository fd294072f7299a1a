"""Mail sent over SMTP."""

import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.utils import parseaddr
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

from django.conf import settings

from agents.tool_types import Effect
from agents.tools.errors import BadArguments, Delivery, ToolError
from agents.tools.integrations.method import LETTER, IntegrationCall, Method, schema, text
from julep_project.core import http
from julep_project.core.http import connect

_TLS_FROM_THE_START = 465
_READY = 220


def send(call: IntegrationCall) -> dict[str, Any]:
    """`{success: true}` once the server has taken the message. A repeated call has the same `Message-ID`."""
    message = _message(call)
    timeout_s = min(float(settings.JULEP_HTTP_TIMEOUT_S), call.seconds_left())
    sent = False
    try:
        with _Connection(call.setup["host"], call.setup["port"], timeout_s) as connection:
            _log_in(connection, call)
            sent = True
            connection.send_message(message)
    except smtplib.SMTPResponseException as error:
        passing = 400 <= error.smtp_code < 500 and not isinstance(error, smtplib.SMTPAuthenticationError)
        raise ToolError(f"the mail server refused: {error.smtp_code}", retryable=passing) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise ToolError("the mail server refused every receiver") from error
    except smtplib.SMTPNotSupportedError as error:
        raise ToolError(f"the mail server cannot do this: {error}") from error
    except http.HttpError as error:
        raise ToolError(str(error), retryable=error.retryable, delivery=Delivery.NOT_SENT) from error
    except (OSError, smtplib.SMTPException) as error:
        delivery = Delivery.UNCLEAR if sent else Delivery.NOT_SENT
        raise ToolError(f"no answer of the mail server: {error}", retryable=True, delivery=delivery) from error
    return {"success": True}


class _Connection(smtplib.SMTP):
    """Connects only to addresses that requests of users may reach, under TLS from the start on port 465.

    Whatever the server does, it is all over after `timeout_s`.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s)
        self._host = host  # the name a certificate must have
        self._end = threading.Timer(timeout_s, self._hang_up)
        self._end.daemon = True
        self._end.start()
        code, _ = self.connect(host, port)
        if code != _READY:
            raise smtplib.SMTPConnectError(code, "")

    def is_private(self) -> bool:
        """Whether nobody can listen: TLS, or a server on this machine."""
        assert self.sock is not None
        return isinstance(self.sock, ssl.SSLSocket) or ip_address(self.sock.getpeername()[0]).is_loopback

    def close(self) -> None:
        """Let go of the socket."""
        self._end.cancel()
        super().close()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = connect(host, port, timeout)
        if port != _TLS_FROM_THE_START:
            return found
        return ssl.create_default_context().wrap_socket(found, server_hostname=host)

    def _hang_up(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _log_in(connection: _Connection, call: IntegrationCall) -> None:
    """Use TLS if the server has it; nobody else gets to see the password.

    Raises:
        ToolError: the connection can be listened to.
    """
    connection.ehlo()
    if connection.has_extn("starttls"):
        connection.starttls(context=ssl.create_default_context())
        connection.ehlo()
    if not call.setup["user"]:
        return
    if not connection.is_private():
        raise ToolError("the mail server offers no TLS, so the password is not sent", delivery=Delivery.NOT_SENT)
    connection.login(call.setup["user"], call.setup["password"])


def _message(call: IntegrationCall) -> EmailMessage:
    arguments = call.arguments
    domain = parseaddr(arguments["from"])[1].rpartition("@")[2] or "localhost"
    message = EmailMessage()
    try:
        message["From"] = arguments["from"]
        message["To"] = arguments["to"]
        message["Subject"] = arguments["subject"]
        message["Message-ID"] = f"<{sha256(call.idempotency_key.encode()).hexdigest()}@{domain}>"
        message.set_content(arguments["body"])
    except (ValueError, HeaderParseError) as error:
        raise BadArguments(f"the message cannot be written: {error}") from error
    return message


METHODS = (
    Method(
        provider="email",
        name="send",
        effect=Effect.DANGEROUS,
        description="Send an email.",
        run=send,
        arguments=schema("to from subject body", **LETTER),
        setup=schema(
            "host port",
            host=text("Name of the mail server"),
            port={"type": "integer", "minimum": 1, "maximum": 65535},
            user={"type": "string", "default": ""},
            password={"type": "string", "default": ""},
        ),
    ),
)
