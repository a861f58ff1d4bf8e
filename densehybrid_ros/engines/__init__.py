"""Other programs that run a network: ONNX Runtime and OpenVINO on CPUs, and in the former TensorRT on GPUs.

An engine has one size, as the networks' pyramid pooling depends on it. What it needs on the disk is made when a size is
first needed, in a process of its own, while torch goes on answering: the exporter takes seconds, hundreds of MB and the
interpreter's lock, and may crash; TensorRT takes minutes. What is used at last was compared with torch in this very
process. Whatever fails, torch answers.

In the order of reading: `choice` (whether), `engine` (for a segmenter), `preparation` (when one becomes ready),
`making` (how), `key` (which files), `cache` (where they lie), `building` and `build` (how they are made, in the two
processes), `onnx_file` and `tensorrt_folder` (what is in them), `opening` (session and check), `providers` (by what),
`openvino_session` (the other runtime).
"""
