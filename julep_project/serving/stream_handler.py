"""Django's ASGI handler without what serves pages: no thread is taken for a request whose connection stays open."""

from typing import Any, cast

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response

from julep_project.core.api.middleware import ApiMiddleware, Handler


class StreamHandler(ASGIHandler):
    """Serves the async views of the API.

    The other middleware is for the admin pages, which are not served here. It is synchronous: each request would hold
    a thread until its view returns, and the end of its connection would not reach the view. For the same reason there
    is no `ThreadSensitiveContext`, which keeps a thread for as long as a stream is open; the views touch the database
    through `run_query` only.
    """

    def load_middleware(self, is_async: bool = True) -> None:
        """Only what every API request passes through."""
        handler = cast(Any, self)  # the published types leave out what subclasses are made of
        serve = ApiMiddleware(cast(Handler, convert_exception_to_response(handler._get_response_async)))
        handler._view_middleware = []
        handler._template_response_middleware = []
        handler._exception_middleware = [handler.adapt_method_mode(False, serve.process_exception)]
        handler._middleware_chain = convert_exception_to_response(cast(Any, serve))

    async def send_response(self, response: Any, send: Any) -> None:
        """Send it, and close it when the connection breaks meanwhile: Django closes only what ends quietly."""
        try:
            await super().send_response(response, send)
        except Exception:
            await sync_to_async(response.close)()
            raise

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)
