"""The least that Django's command line needs."""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(DEBUG=True, SECRET_KEY="not a secret", ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"])
execute_from_command_line(sys.argv)
