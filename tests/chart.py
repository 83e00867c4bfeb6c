"""Lints and renders the Helm chart with the real Helm, and judges what comes out.

Rendered objects have to fit the schemas of the oldest and the newest Kubernetes that the chart is for,
and to be as careful as README.md says. Values that cannot work have to be refused, each for its reason.
"""

import copy
import pathlib
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
HELM = ROOT / "target/tools/helm"
CHART = ROOT / "charts/planwright"
VERSIONS = ["1.27.0", "1.37.0"]


def merged(base, over):
    out = copy.deepcopy(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if nested else value
    return out


SQLITE = {"image": {"repository": "registry.example/planwright"}, "settings": {"existingSecret": "settings"}}
POSTGRES = merged(SQLITE, {
    "database": {"type": "postgres", "existingSecret": "database"},
    "digestKey": {"existingSecret": "digest-key"},
})
README = yaml.safe_load(
    re.search(r'```yaml title="values.yaml"\n(.*?)```', (CHART / "README.md").read_text(), re.S)[1])
EVERYTHING = merged(README, {
    "image": {"digest": "sha256:" + "0" * 64},
    "imagePullSecrets": ["pull"],
    "config": {"workers": 8, "app-id": 12345678, "github-url": "https://ghes.example/api/v3"},
    "ingress": {"enabled": True, "className": "nginx", "host": "bot.example", "tlsSecret": "tls",
                "annotations": {"a/b": "c"}},
    "networkPolicy": {"from": [{"namespaceSelector": {}}], "egress": [{"ports": [{"port": 8443}]}]},
    "serviceAccount": {"annotations": {"a/b": "c"}},
    "model": {"url": "http://model.example/v1", "name": "m", "existingSecret": "model"},
    "otlp": {"endpoint": "http://collector.example:4318"}, "metrics": {"port": 9090},
    "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}}, "podAnnotations": {"a/b": "c"},
})
VARIANTS = {
    "sqlite": SQLITE,
    "sqlite with a class": merged(SQLITE, {"persistence": {"storageClass": "fast", "size": "5Gi"}}),
    "sqlite of somebody else's account": merged(SQLITE, {"serviceAccount": {"name": "other"}}),
    "sqlite with credentials": merged(SQLITE, {
        "plan": {"env": {"TOKEN": {"secret": "read", "key": "token"}}},
        "apply": {"env": {"TOKEN": {"secret": "write", "key": "token"}}},
    }),
    "sqlite with a model": merged(SQLITE, {
        "model": {"url": "http://model.example/v1", "name": "m", "existingSecret": "model"},
    }),
    "postgres with a model that takes no key": merged(POSTGRES, {"model": {"url": "http://model.example/v1", "name": "m"}}),
    "postgres": POSTGRES,
    "postgres of the README": README,
    "everything": EVERYTHING,
}
# What has to be refused, and a word of why.
REFUSED = {
    "no image": (merged(SQLITE, {"image": {"repository": ""}}), "/image/repository"),
    "no settings": (merged(SQLITE, {"settings": {"existingSecret": ""}}), "/settings/existingSecret"),
    "replicas with sqlite": (merged(SQLITE, {"replicas": 2}), "/replicas"),
    "no replica": (merged(POSTGRES, {"replicas": 0}), "/replicas"),
    "postgres without its secret": (merged(POSTGRES, {"database": {"existingSecret": ""}}), "/database/existingSecret"),
    "postgres without a shared key": (merged(POSTGRES, {"digestKey": {"existingSecret": ""}}), "/digestKey/existingSecret"),
    "another database": (merged(SQLITE, {"database": {"type": "mysql"}}), "/database/type"),
    "a word that is none": (merged(SQLITE, {"replica": 1}), "replica"),
    "a secret in values": (merged(SQLITE, {"config": {"webhook-secret": "s"}}), "webhook-secret"),
    "a credential of no form": (merged(SQLITE, {"plan": {"env": {"TOKEN": "s"}}}), "/plan/env/TOKEN"),
    "an ingress without certificate": (
        merged(SQLITE, {"ingress": {"enabled": True, "host": "bot.example"}}), "/ingress/tlsSecret"),
    "a model without a name": (merged(SQLITE, {"model": {"url": "http://model.example/v1"}}), "/model/name"),
    "a collector that is no address": (merged(SQLITE, {"otlp": {"endpoint": "collector"}}), "/otlp/endpoint"),
    "an old Kubernetes": (SQLITE, "1.26.0"),
}


def helm(*arguments, values):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        command = [HELM, *arguments, "--values", file.name]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(values, version=VERSIONS[0]):
    return helm("template", "release", CHART, "--namespace", "bots", "--kube-version", version, values=values)


def pod_of(thing):
    return thing["spec"]["template"]["spec"]


def mistakes(things, values):
    """What an object should be and is not."""
    found = []

    def expect(is_so, what):
        if not is_so:
            found.append(what)

    kinds = [thing["kind"] for thing in things]
    workloads = [thing for thing in things if thing["kind"] in ("Deployment", "StatefulSet")]
    wanted = 4 if values.get("model", {}).get("url") else 3
    is_sqlite = values["database"]["type"] == "sqlite" if "database" in values else True
    expect([one["kind"] for one in workloads] == (["StatefulSet"] if is_sqlite else ["Deployment"] * wanted),
           f"workloads are {kinds}")
    budgets = wanted if values.get("replicas", 1) > 1 else 0
    expect(kinds.count("PodDisruptionBudget") == budgets, f"{kinds.count('PodDisruptionBudget')} budgets")
    metrics = values.get("metrics", {}).get("port")
    expect(kinds.count("NetworkPolicy") == (3 if metrics else 2), "no network policies")
    expect("Secret" not in kinds, "a secret is rendered")
    for thing in things:
        if thing["kind"] == "ServiceAccount":
            expect(thing.get("automountServiceAccountToken") is False, "the account's token is mounted")
        if thing["kind"] == "Service":
            selector = thing["spec"]["selector"].items()
            served = [one for one in workloads
                      if selector <= one["spec"]["template"]["metadata"]["labels"].items()]
            expect(len(served) == 1, f"the service leads to {len(served)} workloads")
            expect("ports" in pod_of(served[0])["containers"][0], "the service leads to no port")
        if thing["kind"] == "Ingress":
            paths = [path["path"] for rule in thing["spec"]["rules"] for path in rule["http"]["paths"]]
            expect(paths == ["/runs", "/webhook"], f"the ingress lets {paths} in")
    roles = []
    for thing in workloads:
        selector = thing["spec"]["selector"]["matchLabels"].items()
        expect(selector <= thing["spec"]["template"]["metadata"]["labels"].items(), "the selector fits nothing")
        roles += careful(pod_of(thing), expect)
        env = {entry["name"]: entry.get("value") for entry in pod_of(thing)["containers"][0]["env"]}
        ports = [port["containerPort"] for port in pod_of(thing)["containers"][0].get("ports", [])]
        expect((metrics in ports) == bool(metrics), f"the ports are {ports}")
        expect(env.get("PLANWRIGHT_METRICS_LISTEN") == (f"0.0.0.0:{metrics}" if metrics else None),
               "metrics are served elsewhere")
        expect(env.get("OTEL_EXPORTER_OTLP_ENDPOINT") == values.get("otlp", {}).get("endpoint"),
               "spans go elsewhere")
        for name, value in values.get("config", {}).items():
            variable = "PLANWRIGHT_" + name.upper().replace("-", "_")
            expect(env.get(variable) == str(value), f"{variable} is {env.get(variable)}")
    all_roles = ["agent", "apply", "plan", "web"] if is_sqlite or wanted == 4 else ["apply", "plan", "web"]
    expect(sorted(roles) == all_roles, f"the roles are {roles}")
    return found


def careful(pod, expect):
    """Checks one pod; returns its roles."""
    security = pod["securityContext"]
    expect(security["runAsNonRoot"] is True and security["runAsUser"] > 0, "it may run as root")
    expect(security.get("seccompProfile") == {"type": "RuntimeDefault"}, "no seccomp profile")
    expect(pod.get("automountServiceAccountToken") is False, "it has a token of the cluster")
    expect(pod.get("enableServiceLinks") is False, "it is told of all services")
    (container,) = pod["containers"]
    expect(container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }, "the container has rights that it does not need")
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    claims = {volume["name"] for volume in pod["volumes"]} | {"data"}
    expect(set(mounts) == claims, f"mounted are {sorted(mounts)} of {sorted(claims)}")
    expect(mounts["settings"].get("readOnly") is True, "the settings can be written")
    env = {entry["name"]: entry for entry in container["env"]}
    expect(len(env) == len(container["env"]), "a variable is set twice")
    roles = env["PLANWRIGHT_ROLES"]["value"].split(",")
    for name, entry in env.items():
        expect("SECRET" not in name.upper() or "valueFrom" in entry, f"{name} is written out")
        for role in ("plan", "apply"):
            expect(not name.startswith(f"{role.upper()}_ENV_") or role in roles, f"{roles} have {name}")
    has_key = "PLANWRIGHT_MODEL_KEY_FILE" in env
    expect(has_key == ("model-key" in mounts), "the key of the model is named and not there, or there and not named")
    expect("agent" in roles or not has_key, f"{roles} have the key of the model")
    is_web = "web" in roles
    probes = {name: container[name]["httpGet"]["path"]
              for name in ("livenessProbe", "readinessProbe", "startupProbe") if name in container}
    wanted = {"livenessProbe": "/healthz", "readinessProbe": "/readyz", "startupProbe": "/healthz"}
    expect(probes == (wanted if is_web else {}), f"the probes of {roles} are {probes}")
    return roles


def check_variant(name, values):
    lint = helm("lint", "--strict", "--kube-version", VERSIONS[0], CHART, values=values)
    if lint.returncode:
        return [f"{name}: lint: {lint.stdout}{lint.stderr}"]
    failures = []
    for version in VERSIONS:
        out = rendered(values, version)
        if out.returncode:
            return [f"{name}: {out.stderr}"]
        things = [thing for thing in yaml.safe_load_all(out.stdout) if thing]
        failures += [f"{name}: {mistake}" for mistake in mistakes(things, values)]
        for thing in things:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = "/".join(map(str, error.path))
                failures.append(f"{name}: {thing['kind']} in Kubernetes {version}: {where}: {error.message}")
    return failures


def check_refusal(name, values, why):
    out = rendered(values, "1.26.0" if why == "1.26.0" else VERSIONS[0])
    said = out.stderr.replace(".", "/") if why.startswith("/") else out.stderr
    if out.returncode == 0:
        return [f"{name} is not refused"]
    return [] if why in said else [f"{name} is refused for another reason than {why}: {out.stderr}"]


def main():
    failures = [one for name, values in VARIANTS.items() for one in check_variant(name, values)]
    failures += [one for name, (values, why) in REFUSED.items() for one in check_refusal(name, values, why)]
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(VARIANTS)} variants rendered for Kubernetes {' and '.join(VERSIONS)}, "
          f"{len(REFUSED)} refused, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
