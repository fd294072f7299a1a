"""Routes of links to waits."""

from django.urls import path

from executions.links.api import LinkViewSet
from executions.links.page import answer_page

_LINKS = "executions/<str:execution_id>/transitions/<str:transition_id>/links"

urlpatterns = [
    path(_LINKS, LinkViewSet.as_view({"get": "list", "post": "create"})),
    path(f"{_LINKS}/<str:id>", LinkViewSet.as_view({"delete": "destroy"})),
    path("answers/<str:token>", answer_page),
]
