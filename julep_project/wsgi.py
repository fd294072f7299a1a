"""The resource views as a WSGI application, for servers that have no ASGI. Event streams need `asgi.py`."""

import os

from django.core.wsgi import get_wsgi_application

from julep_project.core.database import Use, use_database_as
from julep_project.core.health.checks import refuse_errors

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")

use_database_as(Use.API)

application = get_wsgi_application()
refuse_errors()
