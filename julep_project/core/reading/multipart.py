"""Forms with files, as browsers and curl send them."""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import SuspiciousOperation
from django.http.multipartparser import MultiPartParser as FormReader
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser, DataAndFiles

from julep_project.core.errors import BadRequest
from julep_project.core.reading.parsers import read_body


class MultipartParser(BaseParser):
    """Reads `multipart/form-data`. Only views that name it accept forms. Large files go to disk."""

    media_type = "multipart/form-data"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        """The fields and the files of the form.

        Raises:
            BodyTooLarge
            BadRequest: it is no form, or has too many fields.
        """
        context = parser_context or {}
        raw = read_body(stream, context)
        request = context["request"]
        content_type = request.META.get("CONTENT_TYPE", "")
        described = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": len(raw)}
        try:
            reader = FormReader(described, io.BytesIO(raw), request._request.upload_handlers, "utf-8")
            _check_end(raw, content_type)
            return DataAndFiles(*reader.parse())
        except (MultiPartParserError, SuspiciousOperation, UnicodeError, ValueError) as error:
            raise BadRequest("The form cannot be read") from error


def _check_end(raw: bytes, content_type: str) -> None:
    """The framework takes what was cut off for the whole form.

    Raises:
        BadRequest
    """
    boundary = parse_header_parameters(content_type)[1].get("boundary", "")
    if f"--{boundary}--".encode() not in raw:
        raise BadRequest("The form is cut off")
