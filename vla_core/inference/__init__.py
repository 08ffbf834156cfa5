"""Sessions that run a network: torch or ONNX Runtime, the GPU when there is one."""
