"""`python -m services.billing serve|migrate|...`."""

from services.billing import app
from services.chassis.run import run

run(app.Settings, app.build)
