"""The segmenter's parameters, by its own services: what there is, what may be set, and why a change is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent, ParameterType
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.task import Future

from densehybrid_ros.nodes.common.parameters import choices_of

PATIENCE = 4.0
"""s for an answer of the segmenter."""
LIVE, AT_START = "at run time", "read when"
"""What a descriptor's additional constraints begin with: of settings that may change now, and of the others."""
KINDS = {
    ParameterType.PARAMETER_BOOL: "bool",
    ParameterType.PARAMETER_INTEGER: "int",
    ParameterType.PARAMETER_DOUBLE: "float",
    ParameterType.PARAMETER_STRING: "str",
    ParameterType.PARAMETER_STRING_ARRAY: "list",
}
GONE = "the segmenter does not answer; is it running?"
Answer = Callable[[bool, str], None]
"""Success, and the reason of a refusal."""


@dataclass(frozen=True)
class Known:
    """One setting of the segmenter."""

    name: str
    kind: str
    """bool, int, float, str, list."""
    value: Any
    description: str
    low: float | None
    high: float | None
    live: bool
    choices: list[str]


@dataclass
class Request:
    """One call on its way."""

    client: Client
    future: Future
    deadline: float
    """Steady time, s."""
    then: Callable[[Any], None]
    failed: Callable[[], None] = field(default=lambda: None)


class RemoteParameters:
    """Everything here runs in the executor's thread."""

    def __init__(self, node: Node, name: str, changed: Callable[[], None]) -> None:
        """
        Args:
            name: of the segmenter.
            changed: called whenever `known` has changed.
        """
        services = {
            "list": (ListParameters, "list_parameters"),
            "describe": (DescribeParameters, "describe_parameters"),
            "get": (GetParameters, "get_parameters"),
            "set": (SetParameters, "set_parameters"),
        }
        self._clients: dict[str, Client] = {}
        for key, (kind, service) in services.items():
            full = "/".join([name, service])
            self._clients[key] = node.create_client(kind, full)
        self._owner, self._changed = node.resolve_topic_name(name), changed
        self._requests: list[Request] = []
        self._asking = False
        self.known: dict[str, Known] = {}
        """Empty until the segmenter has answered."""

    def value(self, name: str, default: Any) -> Any:
        """Of a parameter, as the segmenter last told it."""
        return self.known[name].value if name in self.known else default

    def forget(self) -> None:
        """The segmenter is gone, or was configured anew: all is asked again."""
        self.known, self._asking = {}, False

    def attend(self, there: bool) -> None:
        """To be called a few times a second: asks where nothing is known, and gives up what is not answered.

        Args:
            there: the segmenter is known to run.
        """
        for request in [each for each in self._requests if time.monotonic() > each.deadline]:
            self._requests.remove(request)
            request.client.remove_pending_request(request.future)
            request.failed()
        if there and not self.known and not self._asking and self._clients["get"].service_is_ready():
            self.refresh()

    def refresh(self) -> None:
        """Asks for all parameters anew."""
        self._asking = True
        self._call("list", ListParameters.Request(), self._listed, self._gave_up)

    def set(self, name: str, value: Any, answer: Answer) -> None:
        """Asks for a change; `answer` is called in this thread, sooner or later."""
        known = self.known.get(name)
        if known is None:
            answer(False, GONE if not self.known else f"the segmenter has no parameter {name}")
            return
        try:
            parameter = Parameter(name, value=typed(known, value)).to_parameter_msg()
        except ValueError as error:
            answer(False, str(error))
            return

        def done(response: Any) -> None:
            result = response.results[0]
            answer(result.successful, result.reason)
            self._read(list(self.known))

        request = SetParameters.Request(parameters=[parameter])
        self._call("set", request, done, lambda: answer(False, GONE))

    def heard(self, event: ParameterEvent) -> None:
        """Somebody has changed parameters of some node."""
        if event.node != self._owner or not self.known:
            return
        changes = {each.name: parameter_value_to_python(each.value) for each in event.changed_parameters}
        self._take(changes.items())

    def _listed(self, response: ListParameters.Response) -> None:
        names = list(response.result.names)

        def described(answer: DescribeParameters.Response) -> None:
            descriptors = [each for each in answer.descriptors if _is_ours(each)]
            ours = [each.name for each in descriptors]

            def got(values: GetParameters.Response) -> None:
                self._asking = False
                read = map(parameter_value_to_python, values.values)
                pairs = zip(descriptors, read, strict=True)
                self.known = {each.name: _known(each, value) for each, value in pairs}
                self._changed()

            self._call("get", GetParameters.Request(names=ours), got, self._gave_up)

        self._call("describe", DescribeParameters.Request(names=names), described, self._gave_up)

    def _read(self, names: list[str]) -> None:
        def got(response: GetParameters.Response) -> None:
            self._take(zip(names, map(parameter_value_to_python, response.values), strict=False))

        self._call("get", GetParameters.Request(names=names), got)

    def _take(self, values: Iterable[tuple[str, Any]]) -> None:
        before = dict(self.known)
        for name, value in values:
            if name in self.known and value is not None:
                self.known[name] = Known(**{**vars(self.known[name]), "value": plain(value)})
        if self.known != before:
            self._changed()

    def _gave_up(self) -> None:
        self._asking = False

    def _call(
        self, client: str, request: Any, then: Callable[[Any], None], failed: Callable[[], None] = lambda: None
    ) -> None:
        future = self._clients[client].call_async(request)
        made = Request(self._clients[client], future, time.monotonic() + PATIENCE, then, failed)
        self._requests.append(made)
        future.add_done_callback(lambda done: self._finished(made))

    def _finished(self, request: Request) -> None:
        if request not in self._requests:
            return
        self._requests.remove(request)
        response = None if request.future.cancelled() else request.future.result()
        if response is None:
            request.failed()
        else:
            request.then(response)


def _is_ours(descriptor: ParameterDescriptor) -> bool:
    return descriptor.additional_constraints.startswith((LIVE, AT_START))


def _known(descriptor: ParameterDescriptor, value: Any) -> Known:
    bounds = [*descriptor.floating_point_range, *descriptor.integer_range]
    return Known(
        descriptor.name,
        KINDS[descriptor.type],
        plain(value),
        descriptor.description,
        bounds[0].from_value if bounds else None,
        bounds[0].to_value if bounds else None,
        descriptor.additional_constraints.startswith(LIVE),
        choices_of(descriptor.additional_constraints),
    )


def plain(value: Any) -> Any:
    """JSON-able."""
    return value if isinstance(value, bool | int | float | str | None) else list(value)


def typed(known: Known, value: Any) -> Any:
    """What came out of a page, as the parameter wants it; ranges are for the segmenter to judge.

    Raises:
        ValueError: another type.
    """
    fits = {
        "bool": lambda: isinstance(value, bool),
        "int": lambda: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63,
        "float": lambda: isinstance(value, int | float) and not isinstance(value, bool),
        "str": lambda: isinstance(value, str),
        "list": lambda: isinstance(value, list) and all(isinstance(each, str) for each in value),
    }
    if not fits[known.kind]():
        wanted = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text"}
        raise ValueError(f"{known.name} must be {wanted.get(known.kind, 'a list of texts')}, not {value!r}")
    if known.kind == "list" and not value:
        return [""]  # ROS knows no type of an empty list
    return float(value) if known.kind == "float" else value
