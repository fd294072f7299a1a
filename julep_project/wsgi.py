"""The resource views as a WSGI application, for servers that have no ASGI. Event streams need `asgi.py`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")

application = get_wsgi_application()
