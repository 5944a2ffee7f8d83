"""`python -m services.identity serve|migrate|...`."""

from services.chassis.run import run
from services.identity import app

run(app.Settings, app.build)
