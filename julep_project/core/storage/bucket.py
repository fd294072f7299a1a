"""The bucket contents lie in, when one is configured: every wait for it is bounded, and so is every repetition."""

from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from django.conf import settings
from storages.backends.s3 import S3Storage

# Sent with one request: then a content is there whole, or not at all.
_WHOLE_BYTES = 1024**3


class Bucket(S3Storage):
    """Waits as long as the settings say; the library would wait a minute, five times, in threads of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            client_config=Config(
                connect_timeout=settings.FILES_S3_CONNECT_TIMEOUT_S,
                read_timeout=settings.FILES_S3_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": settings.FILES_S3_ATTEMPTS},
            ),
            transfer_config=TransferConfig(use_threads=False, multipart_threshold=_WHOLE_BYTES),
            **options,
        )
