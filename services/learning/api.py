"""The gRPC servicers: message in, command or query out, message back."""

import grpc
from campus.learning.v1 import (
    enrollment_service_pb2 as enrollment_pb,
)
from campus.learning.v1 import (
    enrollment_service_pb2_grpc,
    learning_internal_service_pb2_grpc,
    progress_service_pb2_grpc,
)
from campus.learning.v1 import (
    learning_internal_service_pb2 as internal_pb,
)
from campus.learning.v1 import (
    progress_service_pb2 as progress_pb,
)

from services.chassis.access import principal
from services.kernel.clock import Clock
from services.kernel.rows import Rows
from services.learning import commands, queries, wire
from services.learning.ports import Billing, Catalog, Heartbeats, Places, Store

Context = grpc.ServicerContext


class EnrollmentService(enrollment_service_pb2_grpc.EnrollmentServiceServicer):
    def __init__(self, store: Store, rows: Rows, billing: Billing, catalog: Catalog, clock: Clock) -> None:
        self._store, self._rows, self._billing, self._catalog, self._clock = store, rows, billing, catalog, clock

    def Enroll(self, request: enrollment_pb.EnrollRequest, context: Context) -> enrollment_pb.Enrollment:
        command = commands.Enroll(principal().user_id, request.course_id.lower())
        return wire.enrollment(commands.enroll(command, self._store, self._billing, self._catalog, self._clock))

    def GetEnrollment(self, request: enrollment_pb.GetEnrollmentRequest, context: Context) -> enrollment_pb.Enrollment:
        who = principal()
        query = queries.GetEnrollment(who.user_id, who.roles, request.enrollment_id)
        return wire.enrollment(queries.get_enrollment(query, self._rows))

    def ListEnrollments(
        self, request: enrollment_pb.ListEnrollmentsRequest, context: Context
    ) -> enrollment_pb.ListEnrollmentsResponse:
        query = wire.to_list_enrollments(principal().user_id, request)
        return wire.enrollments(queries.list_enrollments(query, self._rows))


class ProgressService(progress_service_pb2_grpc.ProgressServiceServicer):
    def __init__(self, store: Store, rows: Rows, places: Places, heartbeats: Heartbeats, clock: Clock) -> None:
        self._store, self._rows, self._clock = store, rows, clock
        self._places, self._heartbeats = places, heartbeats

    def RecordProgress(self, request: progress_pb.RecordProgressRequest, context: Context) -> progress_pb.Progress:
        command = wire.to_record_progress(principal().user_id, request)
        return wire.progress(commands.record_progress(command, self._store, self._clock))

    def RecordHeartbeat(
        self, request: progress_pb.RecordHeartbeatRequest, context: Context
    ) -> progress_pb.RecordHeartbeatResponse:
        command = wire.to_record_heartbeat(principal().user_id, request)
        duplicate = commands.record_heartbeat(command, self._places, self._heartbeats)
        return progress_pb.RecordHeartbeatResponse(duplicate=duplicate)

    def GetProgress(self, request: progress_pb.GetProgressRequest, context: Context) -> progress_pb.Progress:
        query = queries.GetProgress(principal().user_id, request.enrollment_id)
        return wire.progress(queries.get_progress(query, self._rows))


class LearningInternalService(learning_internal_service_pb2_grpc.LearningInternalServiceServicer):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def CheckCompletion(
        self, request: internal_pb.CheckCompletionRequest, context: Context
    ) -> internal_pb.CheckCompletionResponse:
        query = queries.CheckCompletion(request.user_id, request.course_id)
        return wire.completion(queries.check_completion(query, self._rows))

    def CheckEnrollment(
        self, request: internal_pb.CheckEnrollmentRequest, context: Context
    ) -> internal_pb.CheckEnrollmentResponse:
        query = queries.CheckEnrollment(request.user_id, request.course_id)
        return wire.enrolled(queries.check_enrollment(query, self._rows))
