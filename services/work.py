"""Officers' work put together: read and changed by the api, upheld by the worker."""

from backend.notifications.service import NotificationService
from backend.work.bulk import BulkService
from backend.work.export_jobs import ExportJobs
from backend.work.exports import ExportService
from backend.work.finding import Finder, Reports
from backend.work.jobs import WorkUpkeep
from backend.work.parts import PartService
from backend.work.queries import WorkQueries
from backend.work.service import WorkService
from backend.work.templates import TemplateService
from backend.work.views import ViewService
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.ids import NewId, new_uuid
from foundation.policy.engine import PolicyEngine
from graphql_schema.work_services import WorkServices


def work_of(
    database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId, reports: Reports
) -> WorkServices:
    """What resolvers of officers' work call."""
    finder = Finder(database, policy, clock, reports)
    changes = WorkService(database, policy, clock, new_id)
    parts = PartService(database, policy, clock, new_id)
    templates = TemplateService(database, policy, clock, new_id)
    return WorkServices(
        reads=WorkQueries(database, policy, clock),
        changes=changes,
        parts=parts,
        finder=finder,
        exports=ExportService(database, policy, clock, new_id, finder, reports),
        templates=templates,
        views=ViewService(database, policy, clock, new_id),
        bulk=BulkService(changes, parts, templates),
    )


def upkeep_of(
    database: Database, policy: PolicyEngine, notifications: NotificationService, clock: Clock
) -> WorkUpkeep:
    """What the worker does."""
    return WorkUpkeep(database, policy, notifications, clock, new_uuid)


def export_jobs_of(database: Database, policy: PolicyEngine, clock: Clock) -> ExportJobs:
    """What the worker does of exports."""
    return ExportJobs(database, policy, clock, new_uuid)
