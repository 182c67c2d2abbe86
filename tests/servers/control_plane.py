"""A layer around the embedded server that refuses what EMR, EMR Serverless and EventBridge Scheduler refuse.

moto takes nearly any request. The table of what AWS takes is `aws_rules.py`; what depends on the cluster or the
application is looked up in moto's own backends.
"""

import json
import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.emr.models import Cluster, emr_backends
from moto.emrserverless.models import emrserverless_backends

from s3sync.demo.wire import App, Environ, StartResponse
from tests.servers.aws_rules import CREATE, JOB, RUN, STEPS, UPDATE, Place, troubles

_SERVICE = re.compile(r"Credential=[^/]*/[^/]*/([^/]*)/([^/]*)/aws4_request")
_TARGETS = {"ElasticMapReduce.AddJobFlowSteps": STEPS, "ElasticMapReduce.RunJobFlow": RUN}
_WAITING = ("PENDING", "CANCEL_PENDING", "RUNNING")


def _keep_reason_codes() -> None:
    """moto tells a cluster's last reason without its code."""
    told = Cluster.status.fget  # type: ignore[attr-defined]

    def status(self: Cluster) -> dict[str, Any]:
        found: dict[str, Any] = told(self)
        found["StateChangeReason"]["Code"] = getattr(self, "last_state_change_code", None)
        return found

    Cluster.status = property(status)  # type: ignore[method-assign, assignment]


_keep_reason_codes()


class ControlPlane:
    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        found = _request_of(environ)
        if found is None:
            return self._app(environ, start_response)
        operation, request, place = found
        refused = troubles(*operation, request, place)
        if not refused:
            return self._app(environ, start_response)
        body = json.dumps({"__type": "ValidationException", "message": "; ".join(refused)}).encode()
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", "ValidationException")]
        start_response("400 Bad Request", [*headers, ("Content-Length", str(len(body)))])
        return [body]


def _request_of(environ: Environ) -> tuple[tuple[str, str], dict[str, Any], Place] | None:
    """The operation of the table, its parameters, and where it goes; None for every other request."""
    scope = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None or environ["REQUEST_METHOD"] not in ("POST", "PUT"):
        return None
    region, service = scope.groups()
    if service == "elasticmapreduce":
        operation = _TARGETS.get(environ.get("HTTP_X_AMZ_TARGET", ""))
        if operation is None:
            return None
        request = _body(environ)
        return operation, request, _cluster(region, request.get("JobFlowId"))
    path = environ["PATH_INFO"].strip("/").split("/")
    if service == "emr-serverless" and path[0] == "applications" and path[2:] == ["jobruns"]:
        return JOB, {**_body(environ), "applicationId": path[1]}, _application(region, path[1])
    if service == "scheduler" and path[0] == "schedules":
        operation = CREATE if environ["REQUEST_METHOD"] == "POST" else UPDATE
        return operation, {**_body(environ), "Name": path[1]}, Place()
    return None


def _body(environ: Environ) -> dict[str, Any]:
    raw = environ["wsgi.input"].read()
    environ["wsgi.input"] = BytesIO(raw)
    found: dict[str, Any] = json.loads(raw)
    return found


def _cluster(region: str, cluster_id: str | None) -> Place:
    cluster = emr_backends[DEFAULT_ACCOUNT_ID][region].clusters.get(cluster_id or "")
    if cluster is None:
        return Place()
    waiting = sum(step.state in _WAITING for step in cluster.steps)
    return Place(int(cluster.step_concurrency_level or 1), waiting, str(cluster.release_label))


def _application(region: str, application_id: str) -> Place:
    application = emrserverless_backends[DEFAULT_ACCOUNT_ID][region].applications.get(application_id)
    return Place(release=str(application.release_label)) if application else Place()
