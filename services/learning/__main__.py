"""`python -m services.learning serve|migrate|...`."""

from services.chassis.run import run
from services.learning import app

run(app.Settings, app.build)
