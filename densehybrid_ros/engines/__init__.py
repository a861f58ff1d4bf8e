"""Other programs that run a network: ONNX Runtime, on CPUs, in half of torch's time and with the same answers.

An engine has one size, as the networks' pyramid pooling depends on it. Its file is made when a size is first needed, in
a process of its own, while torch goes on answering: the exporter takes seconds, hundreds of MB and the interpreter's
lock, and may crash. What is used at last was compared with torch in this very process. Whatever fails, torch answers.

In the order of reading: `choice` (whether), `engine` (for a segmenter), `preparation` (how one becomes ready), `key`
(which file), `cache` (where it lies), `building` and `build` (how it is made, in the two processes), `onnx_file` (what
is in it), `opening` (session and check).
"""
