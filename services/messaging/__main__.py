"""`python -m services.messaging serve|migrate|...`."""

from services.chassis.run import run
from services.messaging import app

run(app.Settings, app.build)
