"""The one place where onnxruntime is imported: late, since few commands need it, and silenced.

Without ``ORT_DISABLE_TELEMETRY`` the import writes a device's identifier below the user's cache
folder, queues an event, and looks up a host to send it to.
"""

import os
from typing import TYPE_CHECKING

from reparam.extras import need

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(model: bytes | str, threads: int = 0) -> "InferenceSession":
    """A session on the CPU for an ONNX file or its bytes; 0 ``threads``: as many as there are
    cores. Raises ConfigError without onnxruntime, else what that raises, whose
    errors have no common class.
    """
    need("an ONNX file", "export")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
