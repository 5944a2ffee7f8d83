"""Live server streams that hold no thread: subscribe, push, heartbeat, an end that is told."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Generic, TypeVar

import grpc
from prometheus_client import Counter, Gauge

from services.chassis.errors import Overloaded
from services.chassis.telemetry import logger

log = logger("campus.streams")
M = TypeVar("M")
F = TypeVar("F", bound=Callable[..., None])

_OPEN = Gauge("campus_live_streams", "Live streams that are open", ["topic"])
_CUT = Counter("campus_live_streams_cut_total", "Live streams cut because their client reads too slowly", ["topic"])


def live(method: F) -> F:
    """Marks a servicer's method as `Watch(request, context, send)`: it subscribes and returns, holding no thread."""
    method.experimental_non_blocking = True  # type: ignore[attr-defined]
    method.experimental_thread_pool = None  # type: ignore[attr-defined]
    return method


class _Stream(Generic[M]):
    """One client's stream. `queue` ends with None when the stream is to end; `sending_since` is 0 while nothing is."""

    __slots__ = ("context", "gone", "key", "last", "queue", "scheduled", "send", "sending_since")

    def __init__(self, key: str, send: Callable[[M | None], None], context: grpc.ServicerContext) -> None:
        self.key, self.send, self.context = key, send, context
        self.queue: deque[M | None] = deque()
        self.scheduled = self.gone = False
        self.last = time.monotonic()
        self.sending_since = 0.0


class LiveTopic(Generic[M]):
    """Streams by key, for example by user. Whoever pushes never waits: each stream has a short queue, a few threads
    empty the queues, and a client that doesn't keep up is cut (it sees CANCELLED, and comes back for what it missed).
    """

    def __init__(
        self,
        name: str,
        *,
        heartbeat: Callable[[], M],
        end: Callable[[], M],
        every: float = 20.0,
        per_key: int = 16,
        in_all: int = 5000,
        queued: int = 64,
        patience: float = 2.0,
        senders: int = 4,
    ) -> None:
        self._heartbeat, self._end, self._every = heartbeat, end, every
        self._per_key, self._in_all, self._queued, self._patience = per_key, in_all, queued, patience
        self._streams: dict[str, list[_Stream[M]]] = {}
        self._open, self._cut = _OPEN.labels(name), _CUT.labels(name)
        self._count = 0
        self._changed = threading.Condition()
        self._ready: SimpleQueue[_Stream[M] | None] = SimpleQueue()
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._beat, name=f"live-{name}-timer", daemon=True)]
        self._threads += [threading.Thread(target=self._work, name=f"live-{name}", daemon=True) for _ in range(senders)]
        for thread in self._threads:
            thread.start()

    def subscribe(
        self, key: str, send: Callable[[M | None], None], context: grpc.ServicerContext, first: Iterable[M] = ()
    ) -> None:
        """Makes the RPC at hand a stream of this key. `first` goes before everything that is pushed, and is as short as
        a queue."""
        stream = _Stream[M](key, send, context)
        with self._changed:
            mine = self._streams.get(key, [])
            if self._closing.is_set() or self._count >= self._in_all or len(mine) >= self._per_key:
                raise Overloaded
            self._streams.setdefault(key, mine).append(stream)
            self._count += 1
            self._open.set(self._count)
            for message in first:
                self._put(stream, message)
        if not context.add_callback(lambda: self._forget(stream)):
            self._forget(stream)

    def push(self, key: str, message: M) -> None:
        """Sends a message to every stream of the key; never blocks."""
        with self._changed:
            for stream in tuple(self._streams.get(key, ())):
                self._put(stream, message)

    def end(self, key: str, farewell: M | None = None) -> None:
        """Ends the streams of a key, for example of a session that was revoked, with a last message of their own."""
        with self._changed:
            for stream in tuple(self._streams.get(key, ())):
                self._finish(stream, farewell)

    def __len__(self) -> int:
        return self._count

    def close(self, timeout: float = 5.0) -> None:
        """Tells every client that the stream ends here, and ends it. For the drain: clients reconnect elsewhere."""
        with self._changed:
            self._closing.set()
            for stream in [stream for streams in self._streams.values() for stream in streams]:
                self._finish(stream)
            self._changed.wait_for(lambda: self._count == 0, timeout)
        for _ in self._threads[1:]:
            self._ready.put(None)
        self._threads[0].join()

    def _finish(self, stream: _Stream[M], farewell: M | None = None) -> None:
        self._put(stream, self._end() if farewell is None else farewell)
        self._put(stream, None)

    def _put(self, stream: _Stream[M], message: M | None) -> None:
        if stream.gone:
            return
        if len(stream.queue) >= self._queued and message is not None:
            self._drop(stream)
            return
        stream.queue.append(message)
        stream.last = time.monotonic()
        if not stream.scheduled:
            stream.scheduled = True
            self._ready.put(stream)

    def _drop(self, stream: _Stream[M]) -> None:
        self._cut.inc()
        log.info("a slow stream was cut", extra={"fields": {"key": stream.key}})
        self._remove(stream)
        stream.context.cancel()

    def _forget(self, stream: _Stream[M]) -> None:
        with self._changed:
            self._remove(stream)

    def _remove(self, stream: _Stream[M]) -> None:
        if stream.gone:
            return
        stream.gone = True
        stream.queue.clear()
        streams = self._streams[stream.key]
        streams.remove(stream)
        if not streams:
            del self._streams[stream.key]
        self._count -= 1
        self._open.set(self._count)
        self._changed.notify_all()

    def _work(self) -> None:
        while stream := self._ready.get():
            while self._send_next(stream):
                continue

    def _send_next(self, stream: _Stream[M]) -> bool:
        with self._changed:
            if not stream.queue:
                stream.scheduled = False
                return False
            message = stream.queue.popleft()
            stream.sending_since = time.monotonic()
        try:
            # Returns when the transport took the message: a client that doesn't read keeps it waiting.
            stream.send(message)
        except Exception as error:
            log.warning("a live stream broke", exc_info=error)
            message = None
        stream.sending_since = 0.0
        if message is None:
            self._forget(stream)
        return True

    def _beat(self) -> None:
        """Shows each quiet stream that it lives, and cuts those that keep a sender waiting."""
        while not self._closing.wait(min(self._every, self._patience) / 2):
            now = time.monotonic()
            with self._changed:
                for stream in [stream for streams in self._streams.values() for stream in streams]:
                    if stream.sending_since and now - stream.sending_since > self._patience:
                        self._drop(stream)
                    elif now - stream.last >= self._every:
                        self._put(stream, self._heartbeat())
