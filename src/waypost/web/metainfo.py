"""The contract's management paths under ``metainfo``, in v2 and v3, and what answers each."""

from waypost.contract.replies import FailureReplies
from waypost.observe.metrics import Metrics
from waypost.outbound.guard import OutboundPolicy
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.providers.cloud_api.calls import GraphCalls
from waypost.settings import Settings
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.web.api_v2.router import Operation, Operations
from waypost.web.api_v2.templates import TemplateEndpoints
from waypost.web.api_v3.numbers import NumberEndpoints
from waypost.web.api_v3.samples import SampleEndpoint
from waypost.web.api_v3.templates import TemplateEditing
from waypost.web.api_v3.webhooks import WebhookNamedEndpoints
from waypost.web.metainfo_context import MetainfoContext
from waypost.web.template_desk import TemplateDesk

_V2 = "/api/v2/metainfo"
_V3 = "/api/v3/metainfo"


def build_metainfo(
    *,
    database: Database,
    directory: Directory,
    blobs: BlobStore,
    calls: GraphCalls,
    sealer: Sealer,
    clock: Clock,
    ids: IdFactory,
    replies: FailureReplies,
    settings: Settings,
    metrics: Metrics,
    webhook_policy: OutboundPolicy,
) -> Operations:
    """Return the operations by path; those that the contract knows beside them are absent, and so 404."""
    context = MetainfoContext(
        database=database,
        directory=directory,
        desk=TemplateDesk(database, calls, clock=clock),
        sealer=sealer,
        clock=clock,
        ids=ids,
        replies=replies,
    )
    templates = TemplateEndpoints(context)
    editing = TemplateEditing(context)
    samples = SampleEndpoint(context, blobs=blobs, settings=settings, metrics=metrics)
    webhooks = WebhookNamedEndpoints(
        database=database,
        directory=directory,
        sealer=sealer,
        clock=clock,
        ids=ids,
        replies=replies,
        policy=webhook_policy,
    )
    numbers = NumberEndpoints(directory=directory, calls=calls, replies=replies)
    read = "templates.read"
    return {
        f"{_V2}/template/status": {"GET": Operation(read, templates.status)},
        f"{_V2}/template/preview": {"GET": Operation(read, templates.preview)},
        f"{_V2}/template/list": {"GET": Operation(read, templates.list)},
        f"{_V2}/template/create": {"POST": Operation("templates.create", templates.create)},
        f"{_V3}/template/status": {"GET": Operation(read, templates.status_in_full)},
        f"{_V3}/template/preview": {"GET": Operation(read, templates.preview_by_id)},
        f"{_V3}/template/list": {"GET": Operation(read, templates.list_by_name)},
        f"{_V3}/template/create": {"POST": Operation("templates.create", templates.create_wrapped)},
        f"{_V3}/template/edit": {"PUT": Operation("templates.change", editing.edit)},
        f"{_V3}/template/edit_category": {"POST": Operation("templates.change", editing.edit_category)},
        f"{_V3}/template/delete": {"POST": Operation("templates.delete", editing.delete)},
        f"{_V3}/template/create_media_handler": {
            "POST": Operation("templates.create", samples.upload, takes_stream=True)
        },
        f"{_V3}/template/categorylist": {"GET": Operation(read, editing.categories)},
        f"{_V3}/template/languagelist": {"GET": Operation(read, editing.languages)},
        f"{_V3}/template/display_number_details": {"GET": Operation("sources.describe", numbers.describe)},
        f"{_V3}/profiledetails": {"GET": Operation("sources.describe", numbers.profile)},
        # The contract's table can be read as putting it here.
        f"{_V3}/template/profiledetails": {"GET": Operation("sources.describe", numbers.profile)},
        f"{_V3}/webhook/list_webhook": {"GET": Operation("webhooks.list", webhooks.list)},
        f"{_V3}/webhook/update_webhook": {"POST": Operation("webhooks.change", webhooks.update)},
    }
