"""`manage.py reembed`: move all docs to another embedding model without a gap in service."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from docs_store import reembedding
from docs_store.reembedding import Progress
from docs_store.selectors import stored_dimensions
from julep_project.core.errors import DomainError

_PAUSE_S = 1.0


class Command(BaseCommand):
    """Makes the vectors of the new model beside those in use; see docs/documents.md for the whole procedure."""

    help = "Make vectors of another embedding model for all docs; with --drop-old, remove those of all other models."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, help="the embedding model all docs shall have vectors of")
        parser.add_argument("--dimensions", type=int, help="numbers per vector, where the model can choose")
        parser.add_argument("--drop-old", action="store_true", help="then remove the vectors of all other models")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ends when no doc waits any more. Docs that failed are reported and tried again by the next run."""
        model = options["model"]
        try:
            reembedding.prepare_model(model, options["dimensions"])
            progress = reembedding.embed_all(model, pause=lambda: time.sleep(_PAUSE_S), report=self._report)
            if progress.failed:
                raise CommandError(f"{progress.failed} docs could not be embedded; the admin page says why")
            if options["drop_old"]:
                self._dropped(reembedding.drop_other_models(model))
        except DomainError as error:
            raise CommandError(error.message) from error
        if model != settings.EMBEDDING_MODEL:
            length = stored_dimensions(model) or options["dimensions"] or settings.EMBEDDING_DIMENSIONS
            self.stdout.write(
                f"All docs have vectors of {model}. Set EMBEDDING_MODEL={model} and EMBEDDING_DIMENSIONS={length}, "
                "restart, then run this again with --drop-old."
            )

    def _report(self, progress: Progress) -> None:
        self.stdout.write(f"{progress.ready} ready, {progress.pending} waiting, {progress.failed} failed")

    def _dropped(self, models: list[str]) -> None:
        self.stdout.write(f"Removed the vectors of {', '.join(models)}." if models else "There was nothing to remove.")
