"""What clients that others wrote get from kinglet-serve: tritonclient over HTTP and gRPC.

    python clients.py HTTP GRPC SAMPLES.npz ADMIN_TOKEN

The repository has the model `digits` with version 1, and `wake` with state. Every check names what differs.
"""

import sys

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.grpc import service_pb2
from tritonclient._plugin import InferenceServerClientPlugin
from tritonclient.utils import InferenceServerException


class Bearer(InferenceServerClientPlugin):
    """Sends the token with every request, but for one that is to be refused."""

    token = None

    def __init__(self, token):
        Bearer.token = token

    def __call__(self, request):
        request.headers["authorization"] = f"Bearer {Bearer.token}"


def refusal(call, *words):
    try:
        call()
    except InferenceServerException as error:
        text = f"{error.status()} {error.message()}"
        assert all(word in text for word in words), f"expected {words} in: {text}"
        return
    raise AssertionError(f"this was to be refused with {words}")


def common(client, module, token):
    """The same questions to either client."""
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits", "1")
    client.load_model("digits")
    Bearer.token = "wrong"
    refusal(lambda: client.load_model("digits"), "token")
    Bearer.token = token
    refusal(lambda: client.load_model("nothing"), "nothing")
    client.unload_model("digits")
    assert not client.is_model_ready("digits")
    client.load_model("digits")
    assert client.is_model_ready("digits")


def inference(client, module, names, data, labels):
    name, output = names
    hits = 0
    for start in range(0, len(data), 50):
        batch = np.ascontiguousarray(data[start : start + 50])
        tensor = module.InferInput(name, list(batch.shape), "FP32")
        tensor.set_data_from_numpy(batch)
        result = client.infer("digits", [tensor], request_id=f"batch-{start}")
        answer = result.as_numpy(output)
        assert answer.shape[0] == len(batch), answer.shape
        hits += int((answer.reshape(len(batch), -1).argmax(axis=1) == labels[start : start + 50]).sum())
    return hits


def codes(client, module, names, data, scale, zero_point):
    """Codes in, codes out; the same as real numbers, to the bit."""
    name, output = names
    real = np.ascontiguousarray(data[:1])
    quantized = np.clip(np.round(real / scale).astype(np.int32) + zero_point, -128, 127).astype(np.int8)
    answers = []
    for array, datatype in [(real, "FP32"), (quantized, "INT8")]:
        tensor = module.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array)
        answers.append(client.infer("digits", [tensor]).as_numpy(output))
    assert answers[0].dtype == np.float32 and answers[1].dtype == np.int8, [answer.dtype for answer in answers]
    assert answers[0].argmax() == answers[1].argmax()
    return answers


def sequences(client, module):
    metadata = client.get_model_metadata("wake")
    tensor = metadata["inputs"][0] if isinstance(metadata, dict) else metadata.inputs[0]
    name = tensor["name"] if isinstance(tensor, dict) else tensor.name
    shape = [int(dim) for dim in (tensor["shape"] if isinstance(tensor, dict) else tensor.shape)]
    random = np.random.default_rng(1)
    steps = [random.normal(0, 1, shape).astype(np.float32) for _ in range(6)]

    def step(which, array, **options):
        tensor = module.InferInput(name, shape, "FP32")
        tensor.set_data_from_numpy(array)
        result = client.infer("wake", [tensor], sequence_id=which, **options)
        response = result.get_response()
        output = response["outputs"][0]["name"] if isinstance(response, dict) else response.outputs[0].name
        return result.as_numpy(output)

    def whole(which):
        last = len(steps) - 1
        return [
            step(which, array, sequence_start=index == 0, sequence_end=index == last)
            for index, array in enumerate(steps)
        ]

    alone = whole(7)
    # Two at once do not disturb each other.
    left, right = [], []
    for index, array in enumerate(steps):
        ends = {"sequence_start": index == 0, "sequence_end": index == len(steps) - 1}
        left.append(step(8, array, **ends))
        right.append(step(9, array, **ends))
    assert any((one != alone[0]).any() for one in alone), "the model keeps nothing, so this proves nothing"
    for one, two, three in zip(alone, left, right):
        assert (one == two).all() and (one == three).all()
    refusal(lambda: step(8, steps[0]), "sequence 8 is not open")
    refusal(lambda: step(0, steps[0]), "sequence_id")


def stream(client, module):
    """A sequence over one stream of gRPC, with a request between that fails: its answers are those of single calls."""
    import queue

    metadata = client.get_model_metadata("wake")
    name, shape = metadata.inputs[0].name, [int(dim) for dim in metadata.inputs[0].shape]
    output = metadata.outputs[0].name
    random = np.random.default_rng(1)
    steps = [random.normal(0, 1, shape).astype(np.float32) for _ in range(5)]
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))

    def tensor(array):
        tensor = module.InferInput(name, shape, "FP32")
        tensor.set_data_from_numpy(array)
        return [tensor]

    for index, array in enumerate(steps):
        ends = {"sequence_start": index == 0, "sequence_end": index == len(steps) - 1}
        client.async_stream_infer("wake", tensor(array), request_id=str(index), sequence_id=21, **ends)
        if index == 2:
            client.async_stream_infer("nobody", tensor(array), request_id="wrong")
    got = [answers.get(timeout=60) for _ in range(len(steps) + 1)]
    client.stop_stream()
    errors = [str(error) for _, error in got if error is not None]
    assert len(errors) == 1 and "nobody" in errors[0], errors
    results = [result for result, error in got if error is None]
    assert [result.get_response().id for result in results] == [str(index) for index in range(len(steps))]
    for index, (result, array) in enumerate(zip(results, steps)):
        ends = {"sequence_start": index == 0, "sequence_end": index == len(steps) - 1}
        alone = client.infer("wake", tensor(array), sequence_id=22, **ends)
        assert (alone.as_numpy(output) == result.as_numpy(output)).all(), index


def messages():
    """The numbers of our messages against the client's descriptors: see serve/src/protocol/grpc.rs."""
    import pathlib
    import re

    source = pathlib.Path(__file__).resolve().parents[2] / "serve/src/protocol/grpc.rs"
    text = source.read_text()
    ours = {
        "InferRequest": "ModelInferRequest",
        "InferResponse": "ModelInferResponse",
        "ModelMetadata": "ModelMetadataResponse",
        "ServerMetadata": "ServerMetadataResponse",
        "ModelName": "ModelReadyRequest",
        "IndexRequest": "RepositoryIndexRequest",
        "StreamInferResponse": "ModelStreamInferResponse",
    }
    for mine, theirs in ours.items():
        body = re.search(r"pub struct %s \{(.*?)\n\}" % mine, text, re.S).group(1)
        fields = re.findall(r'tag = "(\d+)"\)\]\n\s+pub (\w+):', body)
        known = {field.number: field.name for field in service_pb2.DESCRIPTOR.message_types_by_name[theirs].fields}
        for number, field in fields:
            assert known.get(int(number)) == field, f"{mine}.{field} has number {number}, which is {known.get(int(number))}"


def main():
    http_address, grpc_address, samples, admin = sys.argv[1:5]
    messages()
    arrays = np.load(samples)
    data = arrays["x"] if "x" in arrays else arrays[[key for key in arrays if arrays[key].ndim > 2][0]]
    labels = arrays[[key for key in arrays if arrays[key].ndim == 1][0]]
    data = data.astype(np.float32)
    http = triton_http.InferenceServerClient(http_address)
    grpc = triton_grpc.InferenceServerClient(grpc_address)
    for client in (http, grpc):
        client.register_plugin(Bearer(admin))
    metadata = http.get_model_metadata("digits")
    names = (metadata["inputs"][0]["name"], metadata["outputs"][0]["name"])
    shape = metadata["inputs"][0]["shape"]
    data = data.reshape([len(data), *shape[1:]])
    quantization = metadata["inputs"][0]["codes"]
    hits = [inference(client, module, names, data, labels) for client, module in [(http, triton_http), (grpc, triton_grpc)]]
    assert hits[0] == hits[1] > 0.9 * len(labels), hits
    pairs = [codes(client, module, names, data, quantization["scale"], quantization["zero_point"]) for client, module in [(http, triton_http), (grpc, triton_grpc)]]
    assert (pairs[0][0] == pairs[1][0]).all() and (pairs[0][1] == pairs[1][1]).all()
    for client, module in [(http, triton_http), (grpc, triton_grpc)]:
        tensor = module.InferInput("nobody", [1], "FP32")
        tensor.set_data_from_numpy(np.zeros(1, np.float32))
        refusal(lambda: client.infer("digits", [tensor]), "nobody")
        refusal(lambda: client.infer("digitz", [tensor]), "digitz")
        sequences(client, module)
        common(client, module, admin)
    stream(grpc, triton_grpc)
    index = http.get_model_repository_index()
    assert {(entry["name"], entry["state"]) for entry in index} >= {("digits", "READY"), ("wake", "READY")}, index
    print(f"tritonclient: {hits[0]} of {len(labels)} digits right over HTTP and over gRPC, sequences, a stream, refusals, load and unload")


main()
