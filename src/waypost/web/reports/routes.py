"""Which report calls there are, and what answers them."""

import orjson

from waypost.contract.replies import FailureReplies
from waypost.domain.pricing import PriceList
from waypost.settings import ReportSettings
from waypost.store.engine import Database
from waypost.web.api_v2.router import Operation, Operations
from waypost.web.reports.endpoints import ReportEndpoints


def build_reports(database: Database, replies: FailureReplies, settings: ReportSettings) -> Operations:
    """Return the operations at the root of the contract's API."""
    prices = None if settings.prices is None else PriceList.of(orjson.loads(settings.prices))
    reports = ReportEndpoints(database, replies, prices=prices)
    return {
        "/settings": {"GET": Operation("reports.settings", reports.settings)},
        "/stats": {"GET": Operation("reports.stats", reports.stats)},
        "/messages": {"GET": Operation("reports.messages", reports.messages)},
        "/summary_stats": {"GET": Operation("reports.summary", reports.summary)},
    }
