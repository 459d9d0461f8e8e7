"""What the provider says of a number and of the business behind it (contract, section 6, v3), asked at each call."""

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import CLIENT_NOT_FOUND
from waypost.contract.management_replies import number_described, profile_described
from waypost.contract.replies import FailureReplies
from waypost.contract.template_queries import source_of_query
from waypost.providers.cloud_api.calls import CallFailure, GraphCalls
from waypost.providers.cloud_api.onboarding import BusinessProfile, NumberDetails, fetch_number, fetch_profile
from waypost.store.directory import Directory
from waypost.web.auth import Principal
from waypost.web.metainfo_context import error_of_call
from waypost.web.responses import json_response, reply_response


class NumberEndpoints:
    """Answers for the source that the query names, the account's default one where it names none."""

    def __init__(self, *, directory: Directory, calls: GraphCalls, replies: FailureReplies) -> None:
        self._directory = directory
        self._calls = calls
        self._replies = replies

    async def describe(self, principal: Principal, request: Request) -> Response:
        """Say how a number stands: verified, quality, limit, name and logo."""
        found = await self._fetch(principal, request)
        if isinstance(found, Response):
            return found
        number, profile = found
        return json_response(
            number_described(
                verified_status=number.code_verification_status,
                quality_rating=number.quality_rating,
                messaging_limit=number.messaging_limit,
                whatsapp_number=number.display_phone_number,
                business_name=number.verified_name,
                business_profile_logo=profile.picture_url,
            )
        )

    async def profile(self, principal: Principal, request: Request) -> Response:
        """Say who users see a number to be."""
        found = await self._fetch(principal, request)
        if isinstance(found, Response):
            return found
        number, profile = found
        return json_response(
            profile_described(client_name=number.verified_name, client_profile_url=profile.picture_url)
        )

    async def _fetch(self, principal: Principal, request: Request) -> Response | tuple[NumberDetails, BusinessProfile]:
        source = self._directory.now.source_of(principal.account_id, source_of_query(request.query_params))
        if source is None:
            return reply_response(self._replies.failed(CLIENT_NOT_FOUND))
        number = await fetch_number(self._calls, source.identity)
        if isinstance(number, CallFailure):
            return self._failed(number)
        profile = await fetch_profile(self._calls, source.identity)
        if isinstance(profile, CallFailure):
            return self._failed(profile)
        return number, profile

    def _failed(self, failure: CallFailure) -> Response:
        return reply_response(self._replies.failed(error_of_call(failure)))
