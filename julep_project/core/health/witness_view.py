"""An API process says what it finds of an inquiry of `manage.py doctor`."""

import os
import socket
from dataclasses import asdict
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from julep_project.core.health import witness


class WitnessView(APIView):
    """`GET /witness/<id>`: 404 unless that inquiry is open."""

    @extend_schema(exclude=True)
    def get(self, request: Request, inquiry: UUID) -> Response:
        return Response(asdict(witness.testify(inquiry, who=f"api@{socket.gethostname()}:{os.getpid()}")))
