"""The manifests of serve/packaging: what Kubernetes and KServe say of their form, and what this project says of their content.

    manifests.py FOLDER [--kserve]
"""

import json
import pathlib
import re
import sys

import yaml

# The versions that clouds offer now: an old one and a new one.
KUBERNETES = ["1.30", "1.33"]


def documents(folder):
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            yield file, document


def kubernetes(folder):
    """Each file by Kubernetes' own schema, strictly: a field that there is not is an error."""
    import kubernetes_validate

    base = folder / "kubernetes"
    listed = yaml.safe_load((base / "kustomization.yaml").read_text())["resources"]
    files = [file.name for file, _ in documents(base) if file.name != "kustomization.yaml"]
    assert sorted(listed) == sorted(set(files)), "kustomization.yaml lists other files than there are"
    count = 0
    for file, document in documents(base):
        if document["kind"] == "Kustomization":
            continue
        for version in KUBERNETES:
            kubernetes_validate.validate(document, version, strict=True)
        count += 1
    # A field that there is not is found.
    wrong = yaml.safe_load((base / "service.yaml").read_text())
    wrong["spec"]["port"] = 1
    try:
        kubernetes_validate.validate(wrong, KUBERNETES[0], strict=True)
    except kubernetes_validate.ValidationError:
        return count
    raise AssertionError("a wrong manifest was taken")


def containers(folder):
    for _, document in documents(folder / "kubernetes"):
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            yield pod, pod["initContainers"] + pod["containers"]


def content(folder):
    """No privileges, nothing that can be written but volumes, bounded resources, probes, nothing reached but what is named."""
    found = 0
    for pod, all_of_it in containers(folder):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["seccompProfile"]
        for container in all_of_it:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True and security["allowPrivilegeEscalation"] is False
            assert security["privileged"] is False and security["capabilities"]["drop"] == ["ALL"]
            for bound in ("requests", "limits"):
                assert set(container["resources"][bound]) == {"cpu", "memory"}, container["name"]
            found += 1
        serve = pod["containers"][0]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(serve)
        assert any(argument.startswith("--key") for argument in serve["args"])
    assert found == 2, found
    kinds = {document["kind"] for _, document in documents(folder / "kubernetes")}
    assert {"NetworkPolicy", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceAccount"} <= kinds
    policy = next(document for _, document in documents(folder / "kubernetes") if document["kind"] == "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def commands(folder):
    """What containers are given, the program takes: one line of JSON for each, for whoever asks it."""
    lines = []
    for _, all_of_it in containers(folder):
        lines += [container["args"] for container in all_of_it]
    runtime = yaml.safe_load((folder / "kserve/runtime.yaml").read_text())
    lines += [container["args"] for container in runtime["spec"]["containers"]]
    text = (folder / "Containerfile").read_text()
    lines.append(json.loads(re.search(r"^CMD (.*)$", text, re.M).group(1)))
    return lines


def build(models, name, value, path):
    """A value as KServe's client has it; fields that its classes do not have are errors, and so are those that are missing."""
    if name.startswith("list["):
        return [build(models, name[5:-1], item, f"{path}[{index}]") for index, item in enumerate(value)]
    if name.startswith("dict("):
        return {key: build(models, name[5:-1].split(", ", 1)[1], item, f"{path}.{key}") for key, item in value.items()}
    kind = models(name)
    if kind is None:
        return value
    fields = {external: internal for internal, external in kind.attribute_map.items()}
    unknown = set(value) - set(fields)
    assert not unknown, f"{path}: {name} has no field {unknown}"
    arguments = {
        fields[key]: build(models, kind.openapi_types[fields[key]], item, f"{path}.{key}") for key, item in value.items()
    }
    return kind(**arguments)


def kserve(folder):
    import kubernetes.client
    from kserve import models as theirs

    def models(name):
        return getattr(theirs, name, None) or getattr(kubernetes.client, name, None)

    kinds = {"ServingRuntime": "V1alpha1ServingRuntime", "InferenceService": "V1beta1InferenceService"}
    count = 0
    for file, document in documents(folder / "kserve"):
        build(models, kinds[document["kind"]], document, file.name)
        count += 1
    wrong = yaml.safe_load((folder / "kserve/service.yaml").read_text())
    wrong["spec"]["predictor"]["model"]["url"] = "x"
    try:
        build(models, "V1beta1InferenceService", wrong, "wrong")
    except AssertionError:
        pass
    else:
        raise AssertionError("a wrong service was taken")
    runtime = yaml.safe_load((folder / "kserve/runtime.yaml").read_text())
    service = yaml.safe_load((folder / "kserve/service.yaml").read_text())
    formats = {(known["name"], known["version"]) for known in runtime["spec"]["supportedModelFormats"]}
    asked = service["spec"]["predictor"]["model"]
    assert (asked["modelFormat"]["name"], asked["modelFormat"]["version"]) in formats
    assert asked["runtime"] == runtime["metadata"]["name"]
    return count


def main():
    folder = pathlib.Path(sys.argv[1])
    if "--kserve" in sys.argv:
        print(f"{kserve(folder)} manifests are what KServe's classes have")
        return
    content(folder)
    print(f"{kubernetes(folder)} manifests are those of Kubernetes {' and '.join(KUBERNETES)}; no privileges")
    print(json.dumps(commands(folder)))


main()
