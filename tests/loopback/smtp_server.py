"""A mail server on loopback that keeps what it is sent."""

import socketserver

from julep_project.devservices.loopback import Served


class SmtpServer(Served):
    """Takes mail between `__enter__` and `__exit__`. `answers` replaces the answer to a command (`RCPT`, `DATA`)."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.messages: list[str] = []
        self.answers: dict[str, str] = {}
        super().__init__(_Server(("127.0.0.1", 0), self))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], owner: SmtpServer) -> None:
        super().__init__(address, _Handler)
        self.owner = owner


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        owner = self.server.owner
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            owner.commands.append(line)
            verb = line.split(" ")[0].upper()
            self._say(owner.answers.get(verb) or _ANSWERS.get(verb, "250 fine"))
            if verb == "DATA" and verb not in owner.answers:
                owner.messages.append(self._message())
                self._say("250 taken")
            if verb == "QUIT":
                return

    def _message(self) -> str:
        lines = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line)
        return "\n".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


_ANSWERS = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "DATA": "354 go on", "QUIT": "221 bye"}
