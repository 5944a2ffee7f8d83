"""`python -m services.certification serve|migrate|...`."""

from services.certification import app
from services.chassis.run import run

run(app.Settings, app.build)
