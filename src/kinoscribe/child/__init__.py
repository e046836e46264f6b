"""Runs a function in a process of its own, many requests one after another, and brings its pieces back.

Untrusted media is decoded and models are held in such processes: one that crashes, hangs or eats memory costs
the request that used it, and a fresh one takes its place. Requests, pieces and failures travel as MessagePack
over a socket pair; nothing is unpickled.

The function is named by a string, `"package.module:function"`. It is called once, with the configuration bytes,
and returns the handler: `bytes -> Iterator[bytes]`. Between two pieces the process looks whether its caller has
lost interest, and then closes the iterator. A process ends when its parent does, whatever it is doing.
"""

from kinoscribe.cancel import Canceled
from kinoscribe.child.messages import ChildDied, ChildFailed, ChildNotStarted, ChildSpec, Handler
from kinoscribe.child.pool import Children

__all__ = ["Canceled", "ChildDied", "ChildFailed", "ChildNotStarted", "ChildSpec", "Children", "Handler"]
