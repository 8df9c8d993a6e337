"""The outside world: one Protocol and its real implementations for each part."""

import os

# ONNX Runtime calls home unless it is told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
