"""The Celery application and its Django settings, for the programs that ``bench.peers.celery`` starts.

    python -m bench.peers.celery_site <jobs>     makes the tables, and so many periodic tasks that are due

All tasks share one crontab, of two minutes ago, and were last run a day ago: beat finds all of them due when it starts,
and each of them once.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta

from celery import Celery
from psycopg.conninfo import conninfo_to_dict

# Django reads the upper-case names of the module that this variable names, which is this one.
os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.celery_site"
_database = conninfo_to_dict(os.environ["BENCH_DATABASE_URL"])

SECRET_KEY = "none"  # noqa: S105  nothing is signed
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["django_celery_beat"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database["dbname"],
        "USER": _database.get("user", ""),
        "PASSWORD": _database.get("password", ""),
        "HOST": _database.get("host", ""),
        "PORT": _database.get("port", ""),
        "OPTIONS": {"options": _database["options"]},
        # Beat asks the database before each task, and with Django's default of 0 would connect anew for it.
        "CONN_MAX_AGE": 60,
    }
}

app = Celery("bench", broker=os.environ["BENCH_BROKER_URL"], timezone="UTC")


def nothing() -> None:
    """The task."""


app.task(name="nothing")(nothing)


def seed(jobs: int) -> None:
    """Make the tables and the periodic tasks."""
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

    now = datetime.now(UTC)  # noqa: TID251  the edge: what is due is due now
    due = now - timedelta(minutes=2)
    schedule = CrontabSchedule.objects.create(minute=str(due.minute), hour=str(due.hour), timezone="UTC")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"nothing {number}", task="nothing", crontab=schedule, last_run_at=now - timedelta(days=1))
        for number in range(jobs)
    )
    PeriodicTasks.update_changed()
    with connection.cursor() as cursor:
        cursor.execute("analyze django_celery_beat_periodictask")


if __name__ == "__main__":
    seed(int(sys.argv[1]))
