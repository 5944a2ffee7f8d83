"""`python -m services.catalog serve|migrate|...`."""

from services.catalog import app
from services.chassis.run import run

run(app.Settings, app.build)
