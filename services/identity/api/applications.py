"""Instructor applications."""

import grpc
from campus.identity.v1 import instructor_application_service_pb2 as pb
from campus.identity.v1 import instructor_application_service_pb2_grpc

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.domain.user import Role
from services.identity.ports import Store
from services.identity.wire import applications as wire
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class InstructorApplicationService(instructor_application_service_pb2_grpc.InstructorApplicationServiceServicer):
    def __init__(self, store: Store, rows: Rows, clock: Clock) -> None:
        self._store, self._rows, self._clock = store, rows, clock

    def SubmitInstructorApplication(
        self, request: pb.SubmitInstructorApplicationRequest, context: grpc.ServicerContext
    ) -> pb.InstructorApplication:
        command = wire.to_submit(principal().user_id, request)
        return wire.application(commands.submit_instructor_application(command, self._store, self._clock))

    def AddApplicationEvidence(
        self, request: pb.AddApplicationEvidenceRequest, context: grpc.ServicerContext
    ) -> pb.InstructorApplication:
        evidence = wire.to_evidence(request.evidence)
        command = commands.AddApplicationEvidence(principal().user_id, request.application_id, evidence)
        return wire.application(commands.add_application_evidence(command, self._store))

    def GetInstructorApplication(
        self, request: pb.GetInstructorApplicationRequest, context: grpc.ServicerContext
    ) -> pb.InstructorApplication:
        who = principal()
        query = queries.GetInstructorApplication(request.application_id, who.user_id, Role.ADMIN in who.roles)
        return wire.application(queries.get_instructor_application(query, self._rows))

    def GetMyInstructorApplication(
        self, request: pb.GetMyInstructorApplicationRequest, context: grpc.ServicerContext
    ) -> pb.InstructorApplication:
        query = queries.GetMyInstructorApplication(principal().user_id)
        return wire.application(queries.get_my_instructor_application(query, self._rows))

    def ListInstructorApplications(
        self, request: pb.ListInstructorApplicationsRequest, context: grpc.ServicerContext
    ) -> pb.ListInstructorApplicationsResponse:
        return wire.applications(queries.list_instructor_applications(wire.to_list(request), self._rows))

    def ApproveInstructorApplication(
        self, request: pb.ApproveInstructorApplicationRequest, context: grpc.ServicerContext
    ) -> pb.InstructorApplication:
        command = commands.ApproveInstructorApplication(principal().user_id, request.application_id)
        return wire.application(commands.approve_instructor_application(command, self._store, self._clock))

    def RejectInstructorApplication(
        self, request: pb.RejectInstructorApplicationRequest, context: grpc.ServicerContext
    ) -> pb.InstructorApplication:
        command = commands.RejectInstructorApplication(principal().user_id, request.application_id, request.comment)
        return wire.application(commands.reject_instructor_application(command, self._store, self._clock))
