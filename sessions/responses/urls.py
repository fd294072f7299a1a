"""Routes of responses, under `/responses` and `/v1/responses`."""

from django.urls import re_path

from sessions.responses.api import views

_ONE = r"^(?:v1/)?responses/(?P<reference>[^/]+)"

urlpatterns = [
    re_path(r"^(?:v1/)?responses$", views.create),
    re_path(r"^(?:v1/)?responses/compact$", views.compact),
    re_path(r"^(?:v1/)?responses/input_tokens$", views.input_tokens),
    re_path(_ONE + "$", views.member),
    re_path(_ONE + "/cancel$", views.cancel),
    re_path(_ONE + "/input_items$", views.input_items),
]
